package recovery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"waybill.example/waybill/internal/steps"
)

// Stack is what a recovery does with a stack; *engine.Stack does it.
type Stack interface {
	Repair(ctx context.Context) ([]string, error)
	Cancel(ctx context.Context) error
	Export(ctx context.Context) ([]byte, error)
	Import(ctx context.Context, state []byte) error
	Refresh(ctx context.Context, urns []string, observe func(steps.Resource)) (*steps.Result, error)
}

// finding is what became of one resource that the killed update left pending.
type finding struct {
	kind, name string
	// was is what the update was doing: creating, updating, deleting or reading.
	was string
	// id is under which the resource was looked for; empty where it was not.
	id string
	// outcome says what was found, in words.
	outcome string
}

// String is a line about the resource.
func (f finding) String() string {
	if f.id == "" {
		return fmt.Sprintf("%s %s: was %s; %s", f.kind, f.name, f.was, f.outcome)
	}
	return fmt.Sprintf("%s %s: was %s; %s as %s", f.kind, f.name, f.was, f.outcome, f.id)
}

// Absent as the ID of a resource says that an operator looked and found none.
const Absent = ""

// Settle takes the lock away and brings the state to what the clouds have. IDs
// are what the operator knows, by the resource's name in the program. Say is
// told each step, and what was found of each resource.
//
// It changes nothing but the lock, and returns an error that says what to look
// up, where a resource was being made whose ID cannot be derived and is not
// among ids. An error of the last part, in which the state may hold what no
// cloud has, says that the recovery has to be repeated before an update.
func Settle(ctx context.Context, stack Stack, ids map[string]string, say func(string)) error {
	repaired, err := stack.Repair(ctx)
	if err != nil {
		return fmt.Errorf("the backend: %w", err)
	}
	for _, name := range repaired {
		say("deleted the half-written " + name)
	}
	if err := stack.Cancel(ctx); err != nil {
		return fmt.Errorf("the lock: %w", err)
	}
	say("took the lock away")
	state, err := stack.Export(ctx)
	if err != nil {
		return fmt.Errorf("the state: %w", err)
	}
	d, err := parse(state)
	if err != nil {
		return err
	}
	plan, err := d.plan(ids)
	if err != nil {
		return err
	}
	if len(plan) == 0 {
		say("nothing was in flight")
		return nil
	}
	return settle(ctx, stack, d, plan, say)
}

// step is what is done about one pending operation.
type step struct {
	finding
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
			s.id, s.look = string(resource.ID), d.has(string(resource.URN))
			if !s.look {
				s.outcome = "is in the state no more"
			}
		case !resource.Custom || internal(resource):
			s.outcome = "exists in no cloud; the next update makes it again"
		default:
			if err := d.identify(s, known); err != nil {
				problems = append(problems, err)
			}
		}
		delete(known, s.name)
	}
	for _, resource := range d.resources {
		planned := func(s *step) bool { return s.resource.URN == resource.URN }
		if resource.unread() && !slices.ContainsFunc(plan, planned) {
			s := newStep(resource, apitype.OperationTypeCreating)
			s.id, s.look = string(resource.ID), true
			plan = append(plan, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		problems = append(problems, fmt.Errorf("--id %s: no resource of this name was being created", name))
	}
	return plan, errors.Join(problems...)
}

func newStep(resource entry, was apitype.OperationType) *step {
	return &step{resource: resource, finding: finding{kind: string(resource.Type), name: resource.URN.Name(), was: string(was)}}
}

// internal tells whether a resource is the engine's own and in no cloud.
func internal(resource apitype.ResourceV3) bool {
	return strings.HasPrefix(string(resource.Type), "pulumi:")
}

// identify finds the ID under which a resource that was being created would
// exist.
func (d *document) identify(s *step, ids map[string]string) error {
	resource := s.resource.ResourceV3
	if id, given := ids[s.name]; given {
		s.id, s.insert, s.look = id, id != Absent, id != Absent
		if !s.look {
			s.outcome = "does not exist, the operator says"
		}
		return nil
	}
	if words, again := renewed[s.kind]; again {
		s.outcome = words
		return nil
	}
	r := &reader{inputs: resource.Inputs}
	look, form := "look for it in its cloud", "ID"
	if lookup, known := lookups[s.kind]; known {
		command, wanted := lookup(r)
		look, form = "look with `"+command+"`", wanted
	} else {
		id, err := identify(resource, d.provider(resource))
		if err == nil {
			s.id, s.insert, s.look = id, true, true
			return nil
		}
		look += " (" + err.Error() + ")"
	}
	return fmt.Errorf("%s %s was being created, and its ID cannot be derived: %s; if it exists, run this again with --id %s=%s, and if it does not, with --id %s=",
		s.kind, s.name, look, s.name, form, s.name)
}

// settle writes the state, lets a refresh read what the clouds have, and says
// what was found.
func settle(ctx context.Context, stack Stack, d *document, plan []*step, say func(string)) error {
	var looked []string
	for _, s := range plan {
		if !s.look {
			continue
		}
		if s.insert {
			if err := d.insert(s.resource, s.id); err != nil {
				return err
			}
		}
		looked = append(looked, string(s.resource.URN))
	}
	state, err := d.text()
	if err != nil {
		return err
	}
	if err := stack.Import(ctx, state); err != nil {
		return unsettled("the state", err)
	}
	say(fmt.Sprintf("settled %d pending operations in the state", len(plan)))
	after := d
	if len(looked) > 0 {
		say(fmt.Sprintf("looking in the clouds for %d resources", len(looked)))
		if _, err := stack.Refresh(ctx, looked, nil); err != nil {
			return unsettled("the refresh", err)
		}
		if state, err = stack.Export(ctx); err != nil {
			return unsettled("the state", err)
		}
		if after, err = parse(state); err != nil {
			return unsettled("the state", err)
		}
	}
	for _, s := range plan {
		switch {
		case s.look && after.has(string(s.resource.URN)):
			s.outcome = "exists, and is in the state"
		case s.look:
			s.outcome = "does not exist"
		}
		say(s.String())
	}
	return nil
}

// unsettled is an error after which the state may hold resources that nobody
// has looked for: an update would take them for existing.
func unsettled(subject string, err error) error {
	return fmt.Errorf("%s: %w: run `fleet recover STACK` again before any update", subject, err)
}
