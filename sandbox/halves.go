package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Half says what an updated stack has in place of a chain to walk, or "" where it
// has one: it is the vendor's half, or it waits for the other party. By the world
// it may wait as long as that has exported no document; a half that waits for what
// is there, or for nobody, is an error.
func (s *Sandbox) Half(ctx context.Context, outputs map[string]any) (string, error) {
	party := s.world.Walk.Party(s.options.Stack)
	switch waits := waitingFor(outputs); {
	case len(waits) == 0 && outputs["waitingFor"] != nil:
		return "", fmt.Errorf("stack %s exports an empty waitingFor: want none where nothing is missing", s.options.Stack)
	case len(waits) > 0 && party.WaitsFor == "":
		return "", fmt.Errorf("stack %s waits for %s: want it complete: the world has nobody that it may wait for (walk.stacks)", s.options.Stack, strings.Join(waits, "; "))
	case len(waits) > 0:
		other, err := s.EngineFor(ctx, party.WaitsFor, nil)
		if err != nil {
			return "", err
		}
		theirs, err := other.Outputs()
		if err != nil {
			return "", err
		}
		if holds(theirs[documents[s.world.Walk.Party(party.WaitsFor).Side]], outputs) {
			return "", fmt.Errorf("stack %s waits for %s: want it complete: stack %s has exported it", s.options.Stack, strings.Join(waits, "; "), party.WaitsFor)
		}
		return "Nothing to walk yet. This half waits for\n  " + strings.Join(waits, "\n  "), nil
	case party.Side == vendor && outputs[documents[vendor]] == nil:
		return "", fmt.Errorf("stack %s exports no %s: want the vendor's half complete", s.options.Stack, documents[vendor])
	case party.Side == vendor:
		return fmt.Sprintf("The vendor's half is complete; stack %s walks the chain", s.world.Walk.Customer()), nil
	}
	return "", nil
}

const vendor = "vendor"

// documents are what the sides export for each other.
var documents = map[string]string{vendor: "accessGrant", "customer": "accessRequest"}

// holds says whether a document has what a stack waits for: where that is environments,
// one of them.
func holds(document any, outputs map[string]any) bool {
	fields, there := document.(map[string]any)
	if !there {
		return false
	}
	var waits []any
	for _, entry := range objects(outputs["waitingFor"]) {
		environments, _ := entry["environments"].([]any)
		waits = append(waits, environments...)
	}
	return len(waits) == 0 || slices.ContainsFunc(objects(fields["environments"]), func(e map[string]any) bool { return slices.Contains(waits, e["name"]) })
}

// waitingFor reads what a stack waits for; nothing where it is complete.
func waitingFor(outputs map[string]any) []string {
	var all []string
	for _, entry := range objects(outputs["waitingFor"]) {
		document := fmt.Sprint(entry["document"])
		if environments, some := entry["environments"].([]any); some {
			document += " with environments " + strings.Trim(fmt.Sprint(environments), "[]")
		}
		all = append(all, fmt.Sprintf("the %s. The %v runs `%v`; then here: %v", document, entry["from"], entry["command"], entry["next"]))
	}
	return all
}

// objects are the elements of an output's list.
func objects(value any) (all []map[string]any) {
	list, _ := value.([]any)
	for _, one := range list {
		object, _ := one.(map[string]any)
		all = append(all, object)
	}
	return all
}
