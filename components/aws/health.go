package aws

import (
	"cmp"
	"fmt"
	"regexp"

	"waybill.example/waybill/components/check"
)

// healthPathPattern leaves out everything that a shell would act on.
var healthPathPattern = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

// Health is how ECS asks a container whether it is well; empty means that it
// does not. At most one of Path and Command is set. Durations are seconds.
type Health struct {
	// Path is asked over HTTP on the product's port with curl, which the image
	// must hold, as in the vendors' guides.
	Path string
	// Command runs in the container: CMD and a program with its arguments, or
	// CMD-SHELL and a line for the shell.
	Command []string
	// Interval between two checks, 5 to 300; 0 means 30. Timeout of one, 2 to
	// 60; 0 means 5.
	Interval, Timeout int
	// Retries is how many failures in a row are one too many, 1 to 10; 0 means
	// 3. StartPeriod is how long failures do not count, at most 300; 0 means 60.
	Retries, StartPeriod int
}

// healthCheck is a container definition's; ECS's limits and defaults are at
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html.
type healthCheck struct {
	Command     []string `json:"command"`
	Interval    int      `json:"interval"`
	Timeout     int      `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod int      `json:"startPeriod"`
}

func (h Health) none() bool { return h.Path == "" && len(h.Command) == 0 }

func (h Health) validate(p *check.Problems) {
	if h.none() {
		return
	}
	switch {
	case h.Path != "" && len(h.Command) > 0:
		p.Add("health", "has a path and a command: want at most one of them")
	case h.Path != "":
		if !healthPathPattern.MatchString(h.Path) {
			p.Add("health.path", "%q: want a path that starts with /, of letters, digits and ._~/-", h.Path)
		}
	case len(h.Command) < 2 || h.Command[0] != "CMD" && h.Command[0] != "CMD-SHELL":
		p.Add("health.command", "%q: want CMD and a program, or CMD-SHELL and a line", h.Command)
	}
	c := h.check(0)
	p.Range("health.interval", c.Interval, 5, 300)
	p.Range("health.timeout", c.Timeout, 2, 60)
	p.Range("health.retries", c.Retries, 1, 10)
	p.Range("health.startPeriod", c.StartPeriod, 0, 300)
}

// check is nil where nothing is asked.
func (h Health) check(port int) *healthCheck {
	if h.none() {
		return nil
	}
	command := h.Command
	if h.Path != "" {
		command = []string{"CMD-SHELL", fmt.Sprintf("curl -f http://localhost:%d%s || exit 1", port, h.Path)}
	}
	return &healthCheck{
		Command:     command,
		Interval:    cmp.Or(h.Interval, 30),
		Timeout:     cmp.Or(h.Timeout, 5),
		Retries:     cmp.Or(h.Retries, 3),
		StartPeriod: cmp.Or(h.StartPeriod, 60),
	}
}
