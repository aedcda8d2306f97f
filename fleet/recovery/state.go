package recovery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// document is a stack's exported state. Only the resources and the pending
// operations are looked at; everything else stays as it is, whatever a newer
// engine may have put there.
type document struct {
	envelope   map[string]json.RawMessage
	deployment map[string]json.RawMessage
	resources  []entry
	pending    []operation
}

// entry is one resource, as it is written and as it is read.
type entry struct {
	raw json.RawMessage
	apitype.ResourceV3
}

func (e *entry) UnmarshalJSON(text []byte) error {
	e.raw = slices.Clone(text)
	return json.Unmarshal(text, &e.ResourceV3)
}

func (e entry) MarshalJSON() ([]byte, error) { return e.raw, nil }

type operation struct {
	Resource entry                 `json:"resource"`
	Type     apitype.OperationType `json:"type"`
}

func parse(state []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(state, &d.envelope); err != nil {
		return nil, fmt.Errorf("recovery: the state: %w", err)
	}
	if err := json.Unmarshal(d.envelope["deployment"], &d.deployment); err != nil {
		return nil, fmt.Errorf("recovery: the state's deployment: %w", err)
	}
	for key, into := range map[string]any{"resources": &d.resources, "pending_operations": &d.pending} {
		if text, found := d.deployment[key]; found {
			if err := json.Unmarshal(text, into); err != nil {
				return nil, fmt.Errorf("recovery: the state's %s: %w", key, err)
			}
		}
	}
	return d, nil
}

// text is the state with the resources as they are now, and nothing pending.
func (d *document) text() ([]byte, error) {
	resources, err := json.Marshal(d.resources)
	if err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	d.deployment["resources"] = resources
	delete(d.deployment, "pending_operations")
	if d.envelope["deployment"], err = json.Marshal(d.deployment); err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	return json.MarshalIndent(d.envelope, "", "  ")
}

// provider finds the provider that a resource refers to as URN::ID.
func (d *document) provider(resource apitype.ResourceV3) apitype.ResourceV3 {
	at := strings.LastIndex(resource.Provider, "::")
	if at < 0 {
		return apitype.ResourceV3{}
	}
	for _, known := range d.resources {
		if string(known.URN) == resource.Provider[:at] {
			return known.ResourceV3
		}
	}
	return apitype.ResourceV3{}
}

// has tells whether the state holds a resource that is not on its way out.
func (d *document) has(urn string) bool {
	return slices.ContainsFunc(d.resources, func(e entry) bool { return string(e.URN) == urn && !e.Delete && !e.PendingReplacement })
}

// insert puts a resource into the state under an ID, with its inputs for its
// outputs: as if it had been made exactly as asked for. A refresh then reads
// what is really there. Without outputs the providers would read it as an
// import, in forms other than the program's (an ECS service's cluster by its
// ARN), and the next update would replace it. azure-native alone gets none: it
// keeps a resource's inputs among its outputs, knows an import by their absence,
// and takes what its outputs do not show (names and groups) from the ID.
//
// It goes behind everything that it can depend on. Where it was to replace
// another of the same name, that one is the next update's to delete, or is
// deleted already.
func (d *document) insert(resource entry, id string) error {
	decoder := json.NewDecoder(bytes.NewReader(resource.raw))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return fmt.Errorf("recovery: %s: %w", resource.URN, err)
	}
	fields["id"], fields["outputs"] = id, fields["inputs"]
	if strings.HasPrefix(string(resource.Type), "azure-native:") {
		delete(fields, "outputs")
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("recovery: %s: %w", resource.URN, err)
	}
	d.resources = slices.DeleteFunc(d.resources, func(e entry) bool { return e.URN == resource.URN && e.PendingReplacement })
	for i, old := range d.resources {
		if old.URN == resource.URN && !old.Delete {
			if d.resources[i], err = old.replaced(); err != nil {
				return err
			}
		}
	}
	made := entry{}
	if err := made.UnmarshalJSON(raw); err != nil {
		return fmt.Errorf("recovery: %s: %w", resource.URN, err)
	}
	d.resources = append(d.resources, made)
	return nil
}

// replaced is the entry, marked for the next update to delete.
func (e entry) replaced() (entry, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(e.raw, &fields); err != nil {
		return e, fmt.Errorf("recovery: %s: %w", e.URN, err)
	}
	fields["delete"] = json.RawMessage("true")
	raw, err := json.Marshal(fields)
	if err != nil {
		return e, fmt.Errorf("recovery: %s: %w", e.URN, err)
	}
	marked := entry{}
	return marked, marked.UnmarshalJSON(raw)
}

// unread tells whether a resource is as insert put it, and no refresh has read
// it. A resource without computed outputs looks the same; to read it does no
// harm.
func (e entry) unread() bool {
	known := len(e.Outputs) > 0 && !reflect.DeepEqual(e.Inputs, e.Outputs)
	return e.Custom && e.ID != "" && !e.External && !internal(e.ResourceV3) && !known
}

func parseList(text string) ([]any, bool) {
	var values []any
	err := json.Unmarshal([]byte(text), &values)
	return values, err == nil
}
