package report

import (
	"slices"
	"time"

	"waybill.example/waybill/fleet/stackfiles"
	"waybill.example/waybill/internal/steps"
)

// Status is how a command ended for one stack.
type Status string

// The statuses.
const (
	// Changed is a stack that was changed, or would be, or has drifted.
	Changed Status = "changed"
	// New is a stack that the backend does not have; a preview shows what its
	// first update would make.
	New Status = "new"
	// Unchanged is a stack that is as its program says.
	Unchanged Status = "unchanged"
	// NotDeployed is a stack that the backend does not have and that has
	// nothing that could drift.
	NotDeployed Status = "not deployed"
	// Failed is a stack about which the command could not do what it had to.
	Failed Status = "failed"
	// Interrupted is a stack that was being worked on when the operator
	// interrupted the command, and that is not done.
	Interrupted Status = "interrupted"
	// NotStarted is a stack that the interrupted command did not come to.
	NotStarted Status = "not started"
)

// The exit statuses of every command.
const (
	ExitUnchanged   = 0
	ExitFailed      = 1
	ExitChanged     = 2
	ExitInterrupted = 130 // as a shell has it for SIGINT
)

// Row is one stack's line.
type Row struct {
	stackfiles.Stack
	Status Status `json:"status"`
	// Counts of resources by operation. The stack itself is not counted.
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
	Same    int `json:"same"`
	// Seconds that the stack took.
	Seconds float64 `json:"seconds"`
	// Resources are those that are not left as they were.
	Resources []steps.Resource `json:"resources"`
	// Errors and Warnings are lines.
	Errors   []string `json:"errors,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Steps of a recovery, as they happened.
	Steps []string `json:"steps,omitempty"`
}

// Take counts what an operation did; nil where it did not get so far.
func (r *Row) Take(result *steps.Result) {
	if result == nil {
		return
	}
	for _, resource := range result.Resources {
		switch {
		case resource.Failed: // it is in the errors
		case resource.Operation == "create":
			r.Create++
		case resource.Operation == "update":
			r.Update++
		case resource.Operation == "replace":
			r.Replace++
		case resource.Operation == "delete", resource.Operation == "keep": // as in the engine's summary
			r.Delete++
		default:
			r.Same++
		}
	}
	r.Resources = append(r.Resources, result.Changed()...)
	r.Warnings = append(r.Warnings, result.Warnings...)
}

// Changes is how many resources are not left as they were.
func (r *Row) Changes() int { return r.Create + r.Update + r.Replace + r.Delete }

// took is the row's time as it is shown.
func (r *Row) took() string {
	if r.Status == NotStarted {
		return "-"
	}
	return time.Duration(r.Seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}

// name is the customer, and the stack as well where it is called otherwise: a
// customer can have two.
func (r *Row) name() string {
	switch r.Customer {
	case r.Name:
		return r.Name
	case "":
		return "(" + r.Name + ")"
	}
	return r.Customer + " (" + r.Name + ")"
}

// Report is what a command found.
type Report struct {
	// Command is preview, up, drift or recover.
	Command string `json:"command"`
	// Shard is the share of this runner; empty where there is only one.
	Shard   string  `json:"shard,omitempty"`
	Stacks  []Row   `json:"stacks"`
	Summary Summary `json:"summary"`
	// Exit is the exit status.
	Exit int `json:"exit"`
	// Seconds that the command took.
	Seconds float64 `json:"seconds"`
}

// Summary counts stacks by status.
type Summary struct {
	Changed     int `json:"changed"`
	New         int `json:"new"`
	Unchanged   int `json:"unchanged"`
	NotDeployed int `json:"notDeployed"`
	Failed      int `json:"failed"`
	Interrupted int `json:"interrupted"`
	NotStarted  int `json:"notStarted"`
}

// Make makes a report, with its counts and its exit status.
func Make(command, shard string, rows []Row, took time.Duration) *Report {
	r := &Report{Command: command, Shard: shard, Stacks: rows, Seconds: took.Seconds()}
	if r.Stacks == nil {
		r.Stacks = []Row{}
	}
	for i := range r.Stacks {
		if r.Stacks[i].Resources == nil {
			r.Stacks[i].Resources = []steps.Resource{}
		}
		*r.Summary.of(r.Stacks[i].Status)++
	}
	s := r.Summary
	switch {
	case s.Interrupted+s.NotStarted > 0:
		r.Exit = ExitInterrupted
	case s.Failed > 0:
		r.Exit = ExitFailed
	case s.Changed+s.New > 0:
		r.Exit = ExitChanged
	}
	return r
}

func (s *Summary) of(status Status) *int {
	switch status {
	case Changed:
		return &s.Changed
	case New:
		return &s.New
	case Unchanged:
		return &s.Unchanged
	case NotDeployed:
		return &s.NotDeployed
	case Interrupted:
		return &s.Interrupted
	case NotStarted:
		return &s.NotStarted
	}
	return &s.Failed
}

// with gives the rows of some statuses, in their order.
func (r *Report) with(statuses ...Status) []*Row {
	var rows []*Row
	for i := range r.Stacks {
		if slices.Contains(statuses, r.Stacks[i].Status) {
			rows = append(rows, &r.Stacks[i])
		}
	}
	return rows
}
