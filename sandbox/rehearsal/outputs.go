package rehearsal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/world"
)

// defaultEnvironment is the environment of a stack that names none. Its outputs
// are the stack's own, and hops and refusals do not name it.
const defaultEnvironment = "default"

// document is what a stack exported, or a part of it.
type document map[string]any

// object is the object at a path, or an empty one.
func (d document) object(path ...string) document {
	for _, key := range path {
		d, _ = d[key].(map[string]any)
	}
	return d
}

// text is the text of a key, the first one of a list, or nothing.
func (d document) text(key string) string {
	if list, _ := d[key].([]any); len(list) > 0 {
		d = document{key: list[0]}
	}
	text, _ := d[key].(string)
	return text
}

// of is the document with what its list environments says of one environment.
func (d document) of(environment string) document {
	merged := maps.Clone(d)
	for _, entry := range d.entries() {
		if entry.text("name") == environment {
			maps.Copy(merged, entry)
		}
	}
	return merged
}

func (d document) entries() []document {
	values, _ := d["environments"].([]any)
	var entries []document
	for _, value := range values {
		if entry, ok := value.(map[string]any); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

// environment is what the world and a stack's outputs say of one environment.
type environment struct {
	// name is empty for the environment "default".
	name  string
	place world.Place
	// outputs are the environment's own, request and grant what the two
	// documents say of it.
	outputs, request, grant document
	// missing are the outputs that were read and have no value: a walk with a gap
	// would be refused for the wrong reason.
	missing []error
}

// text reads an output of the environment, or a key of one of its documents.
func (e *environment) text(path string) string {
	from, key := e.outputs, path
	if name, of, found := strings.Cut(path, "."); found {
		from, key = map[string]document{"accessRequest": e.request, "accessGrant": e.grant}[name], of
	}
	text := from.text(key)
	if text == "" {
		e.missing = append(e.missing, fmt.Errorf("rehearsal: the output %s is missing", path))
	}
	return text
}

// readEnvironments takes the environments of the world, by name. The outputs
// must tell of each of them, and of no other.
func readEnvironments(walk world.Walk, outputs document) ([]environment, error) {
	if len(walk.Environments) == 0 {
		return nil, errors.New("rehearsal: the world does not say what is walked: want walk.environments")
	}
	request, grant := outputs.object("accessRequest"), outputs.object("accessGrant")
	told := map[string]bool{}
	for _, entry := range request.entries() {
		told[entry.text("name")] = true
	}
	var environments []environment
	for _, name := range slices.Sorted(maps.Keys(walk.Environments)) {
		if !told[name] {
			return nil, fmt.Errorf("rehearsal: environment %s: the output accessRequest.environments does not have it: want every one that the world walks (walk.environments)", name)
		}
		delete(told, name)
		e := environment{name: name, place: walk.Environments[name], outputs: outputs, request: request.of(name), grant: grant.of(name)}
		if own := outputs.object("environments", name); own != nil {
			e.outputs = own
		}
		if name == defaultEnvironment {
			e.name = ""
		}
		environments = append(environments, e)
	}
	for name := range told {
		return nil, fmt.Errorf("rehearsal: environment %s: the output accessRequest.environments has it: want none that the world does not walk (walk.environments)", name)
	}
	return environments, nil
}

// explain names the environment of an error.
func explain(environment string, err error) error {
	if environment == "" {
		return err
	}
	return fmt.Errorf("environment %s: %w", environment, err)
}
