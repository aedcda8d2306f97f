package cli

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/settings"
)

// terminationLimit is what Kubernetes keeps of a container's termination message, in bytes.
const terminationLimit = 4096

// terminate writes the pod's termination message, which `kubectl describe pod` shows, and Pulumi where a Job failed: for
// a reader who has seen nothing else. No lines, or no such file: nothing.
func (p *Program) terminate(lines []string) {
	if len(lines) == 0 {
		return
	}
	message := p.secrets.Text(strings.Join(lines, "\n"))
	if len(message) >= terminationLimit {
		end := terminationLimit - len("…\n")
		for !utf8.RuneStart(message[end]) {
			end--
		}
		message = message[:end] + "…"
	}
	// The kubelet makes the file; elsewhere there is none, and none is made.
	file, err := os.OpenFile(p.TerminationLog, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return
	}
	_, _ = file.WriteString(message + "\n")
	_ = file.Close()
}

// failure says what ended a run. Its first line says enough alone.
func failure(f *fault.Fault, s settings.Settings) []string {
	verb := "refused"
	if f.Overdue {
		verb = "ran out of time"
	}
	status := ""
	if f.Status != 0 {
		status = fmt.Sprintf(", HTTP %d", f.Status)
	}
	lines := []string{fmt.Sprintf("hop %s %s (exit %d%s): %s", f.Hop, verb, f.ExitCode(), status, f.Words)}
	if f.Cause != "" {
		lines = append(lines, "likely cause: "+f.Cause)
	}
	if f.Do != "" {
		lines = append(lines, "what to do: "+f.Do)
	}
	if f.Claims != nil {
		claims := "the token that was shown:"
		for _, pair := range f.Claims.Pairs() {
			claims += " " + pair[0] + "=" + pair[1]
		}
		lines = append(lines, claims)
	}
	if f.Image != "" {
		lines = append(lines, "image "+f.Image)
	}
	return append(lines, fmt.Sprintf("secret %s is not refreshed", s.PullSecrets()))
}

// refused says why nothing was tried.
func refused(problems settings.Problems) []string {
	lines := append([]string{}, problems...)
	lines[0] = fmt.Sprintf("the refresher's configuration is refused (exit %d): %s", fault.ExitRefused, lines[0])
	return lines
}

// missing says which image to push, and how. required: the run failed for it.
func missing(image string, required bool) string {
	from, to := "YOUR-IMAGE", image
	if path, digest, found := strings.Cut(image, "@"); found {
		from, to = "YOUR-IMAGE@"+digest, path+":ANY-TAG"
	}
	again := ""
	if required {
		again = "; then run `pulumi up` again"
	}
	return fmt.Sprintf("the registry does not hold %s yet: the vendor pushes it, for example with \"crane copy %s %s\"%s "+
		"(the token itself is written and good)", image, from, to, again)
}
