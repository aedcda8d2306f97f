package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// command runs the Pulumi CLI, and stops it cleanly.
//
// The Automation API's own command kills the CLI ten seconds after it asked it
// to stop, and what the engine has in flight by then is lost: a Job or a
// service takes minutes. And on a terminal an interrupt reaches the CLI twice,
// from the terminal and from the API, which the engine takes for the order not
// to wait for what is in flight. So this one keeps the CLI out of the
// terminal's process group, asks once, waits, and asks again only when the
// operator does not want to wait any longer.
type command struct {
	auto.PulumiCommand
	path string
	// abort is closed when nothing in flight is to be waited for; nil for never.
	abort <-chan struct{}
	// exits are the exit codes of the calls that have ended, by subcommand; of
	// one that never started there is none.
	exits map[string]int
}

// forStack is the same command for one stack, which remembers how its calls ended.
func (c *command) forStack() *command {
	return &command{PulumiCommand: c.PulumiCommand, path: c.path, abort: c.abort, exits: map[string]int{}}
}

// afterAbort is how long the engine has to write what it knows once it was told
// not to wait for what is in flight.
const afterAbort = 10 * time.Second

// Run runs the CLI; the end of the context asks it to stop. What it writes goes
// to files: a pipe would break with this process, and the write to it would
// kill the CLI in the middle of an update.
func (c *command) Run(
	ctx context.Context, workdir string, stdin io.Reader,
	additionalOutput, additionalErrorOutput []io.Writer, additionalEnv []string, args ...string,
) (stdout, stderr string, code int, err error) {
	const neverRan = -2 // as the Automation API has it
	if ctx.Err() != nil {
		return "", "", neverRan, ctx.Err()
	}
	folder, err := os.MkdirTemp("", "fleet-pulumi-")
	if err != nil {
		return "", "", neverRan, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // it lies in the temporary folder
	out, err := os.Create(filepath.Join(folder, "stdout"))
	if err != nil {
		return "", "", neverRan, err
	}
	defer out.Close()
	errs, err := os.Create(filepath.Join(folder, "stderr"))
	if err != nil {
		return "", "", neverRan, err
	}
	defer errs.Close()

	process := exec.Command(c.path, append([]string{"--non-interactive"}, args...)...) //nolint:gosec // the CLI that was found
	process.Dir, process.Stdin, process.Stdout, process.Stderr = workdir, stdin, out, errs
	process.Env = append(os.Environ(), additionalEnv...)
	process.Env = append(process.Env, "PULUMI_AUTOMATION_API=true",
		"PATH="+filepath.Dir(c.path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	ownGroup(process)
	if err := process.Start(); err != nil {
		return "", "", neverRan, err
	}
	ended := make(chan struct{})
	go c.stop(ctx, process.Process, ended)
	err = process.Wait()
	close(ended)

	stdout, stderr = written(out, additionalOutput), written(errs, additionalErrorOutput)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if c.exits != nil && len(args) > 0 && (err == nil || code != 0) {
		c.exits[args[0]] = code
	}
	return stdout, stderr, code, err
}

// stop asks the CLI to stop once the context ends, and again at an abort.
func (c *command) stop(ctx context.Context, process *os.Process, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-ended:
		return
	}
	_ = interrupt(process) // fails where it has ended by itself
	select {
	case <-c.abort:
	case <-ended:
		return
	}
	_ = interrupt(process)
	select {
	case <-time.After(afterAbort):
		_ = process.Kill()
	case <-ended:
	}
}

// written gives what a process wrote to a file, to those who wanted it as well.
func written(file *os.File, others []io.Writer) string {
	text, err := os.ReadFile(file.Name())
	if err != nil {
		return ""
	}
	for _, other := range others {
		_, _ = other.Write(text) // a reader that is gone needs nothing
	}
	return strings.ToValidUTF8(string(text), "�")
}
