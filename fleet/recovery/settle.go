package recovery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"waybill.example/waybill/fleet/engine"
)

// Stack is what a recovery does with a stack; *engine.Stack does it.
type Stack interface {
	Repair(ctx context.Context) ([]string, error)
	Cancel(ctx context.Context) error
	Export(ctx context.Context) ([]byte, error)
	Import(ctx context.Context, state []byte) error
	Refresh(ctx context.Context, urns []string, observe func(engine.Resource)) (*engine.Result, error)
}

// Finding is what became of one resource that the killed update left pending.
type Finding struct {
	Type string `json:"type"`
	Name string `json:"name"`
	// Was is what the update was doing: creating, updating, deleting or reading.
	Was string `json:"was"`
	// ID is under which the resource was looked for; empty where it was not.
	ID string `json:"id,omitempty"`
	// Outcome says what was found, in words.
	Outcome string `json:"outcome"`
}

// String is a line about the resource.
func (f Finding) String() string {
	if f.ID == "" {
		return fmt.Sprintf("%s %s: was %s; %s", f.Type, f.Name, f.Was, f.Outcome)
	}
	return fmt.Sprintf("%s %s: was %s; %s as %s", f.Type, f.Name, f.Was, f.Outcome, f.ID)
}

// Absent as the ID of a resource says that an operator looked and found none.
const Absent = ""

// Settle takes the lock away and brings the state to what the clouds have. IDs
// are what the operator knows, by the resource's name in the program. Say is
// told each step.
//
// It changes nothing but the lock, and returns an error that says what to look
// up, where a resource was being made whose ID cannot be derived and is not
// among ids. What it has found so far is returned with every error.
func Settle(ctx context.Context, stack Stack, ids map[string]string, say func(string)) ([]Finding, error) {
	repaired, err := stack.Repair(ctx)
	if err != nil {
		return nil, fmt.Errorf("the backend: %w", err)
	}
	for _, name := range repaired {
		say("deleted the half-written " + name)
	}
	if err := stack.Cancel(ctx); err != nil {
		return nil, fmt.Errorf("the lock: %w", err)
	}
	say("took the lock away")
	state, err := stack.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("the state: %w", err)
	}
	d, err := parse(state)
	if err != nil {
		return nil, err
	}
	plan, err := d.plan(ids)
	if err != nil {
		return nil, err
	}
	if len(plan) == 0 {
		say("nothing was in flight")
		return nil, nil
	}
	return settle(ctx, stack, d, plan, say)
}

// step is what is done about one pending operation.
type step struct {
	Finding
	resource entry
	// insert is true where the resource has to be put into the state first, and
	// look where a refresh has to look.
	insert, look bool
}

// plan decides about every pending operation, or reports everything that it
// cannot decide. What an earlier recovery put into the state and could not look
// at, because its refresh failed, is looked at again.
func (d *document) plan(ids map[string]string) ([]*step, error) {
	known := maps.Clone(ids)
	var plan []*step
	var problems []error
	for _, pending := range d.pending {
		resource := pending.Resource.ResourceV3
		s := newStep(pending.Resource, pending.Type)
		plan = append(plan, s)
		switch {
		case pending.Type != apitype.OperationTypeCreating:
			s.ID, s.look = string(resource.ID), d.has(string(resource.URN))
			if !s.look {
				s.Outcome = "is in the state no more"
			}
		case !resource.Custom || internal(resource):
			s.Outcome = "exists in no cloud; the next update makes it again"
		default:
			if err := d.identify(s, known); err != nil {
				problems = append(problems, err)
			}
		}
		delete(known, s.Name)
	}
	for _, resource := range d.resources {
		planned := func(s *step) bool { return s.resource.URN == resource.URN }
		if resource.unread() && !slices.ContainsFunc(plan, planned) {
			s := newStep(resource, apitype.OperationTypeCreating)
			s.ID, s.look = string(resource.ID), true
			plan = append(plan, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		problems = append(problems, fmt.Errorf("--id %s: no resource of this name was being created", name))
	}
	return plan, errors.Join(problems...)
}

func newStep(resource entry, was apitype.OperationType) *step {
	return &step{resource: resource, Finding: Finding{Type: string(resource.Type), Name: resource.URN.Name(), Was: string(was)}}
}

// internal tells whether a resource is the engine's own and in no cloud.
func internal(resource apitype.ResourceV3) bool {
	return strings.HasPrefix(string(resource.Type), "pulumi:")
}

// identify finds the ID under which a resource that was being created would
// exist.
func (d *document) identify(s *step, ids map[string]string) error {
	resource := s.resource.ResourceV3
	if id, given := ids[s.Name]; given {
		s.ID, s.insert, s.look = id, id != Absent, id != Absent
		if !s.look {
			s.Outcome = "does not exist, the operator says"
		}
		return nil
	}
	if words, again := renewed[s.Type]; again {
		s.Outcome = words
		return nil
	}
	r := &reader{inputs: resource.Inputs}
	look, form := "look for it in its cloud", "ID"
	if lookup, known := lookups[s.Type]; known {
		command, wanted := lookup(r)
		look, form = "look with `"+command+"`", wanted
	} else {
		id, err := identify(resource, d.provider(resource))
		if err == nil {
			s.ID, s.insert, s.look = id, true, true
			return nil
		}
		look += " (" + err.Error() + ")"
	}
	return fmt.Errorf("%s %s was being created, and its ID cannot be derived: %s; if it exists, run this again with --id %s=%s, and if it does not, with --id %s=",
		s.Type, s.Name, look, s.Name, form, s.Name)
}

// settle writes the state, lets a refresh read what the clouds have, and says
// what was found.
func settle(ctx context.Context, stack Stack, d *document, plan []*step, say func(string)) ([]Finding, error) {
	var looked []string
	for _, s := range plan {
		if !s.look {
			continue
		}
		if s.insert {
			if err := d.insert(s.resource, s.ID); err != nil {
				return nil, err
			}
		}
		looked = append(looked, string(s.resource.URN))
	}
	state, err := d.text()
	if err != nil {
		return nil, err
	}
	if err := stack.Import(ctx, state); err != nil {
		return nil, fmt.Errorf("the state: %w", err)
	}
	say(fmt.Sprintf("settled %d pending operations in the state", len(plan)))
	after := d
	if len(looked) > 0 {
		say(fmt.Sprintf("looking in the clouds for %d resources", len(looked)))
		if _, err := stack.Refresh(ctx, looked, nil); err != nil {
			return nil, fmt.Errorf("the refresh: %w", err)
		}
		if state, err = stack.Export(ctx); err != nil {
			return nil, fmt.Errorf("the state: %w", err)
		}
		if after, err = parse(state); err != nil {
			return nil, err
		}
	}
	var findings []Finding
	for _, s := range plan {
		switch {
		case s.look && after.has(string(s.resource.URN)):
			s.Outcome = "exists, and is in the state"
		case s.look:
			s.Outcome = "does not exist"
		}
		say(s.String())
		findings = append(findings, s.Finding)
	}
	return findings, nil
}
