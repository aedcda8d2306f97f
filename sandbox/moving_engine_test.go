package sandbox_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// importIDs reads what the engine's state holds, and forgets it: by their names in the
// stack, the import IDs of all that clouds and cluster have under names that follow from
// the stack file. What Pulumi chose a name for is made anew.
func (p *project) importIDs() map[string]any {
	p.t.Helper()
	backend := filepath.Join(p.root, ".sandbox", p.stack, "backend")
	files, err := filepath.Glob(filepath.Join(backend, ".pulumi", "stacks", "*", "*.json"))
	require.NoError(p.t, err)
	require.Len(p.t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(p.t, err)
	var state struct {
		Checkpoint struct {
			Latest struct {
				Resources []struct {
					URN, ID  string
					Custom   bool
					External bool
					Inputs   map[string]any
				}
			}
		}
	}
	require.NoError(p.t, json.Unmarshal(text, &state))
	require.NoError(p.t, os.RemoveAll(backend))
	ids := map[string]any{}
	for _, r := range state.Checkpoint.Latest.Resources {
		name := r.URN[strings.LastIndex(r.URN, "::")+2:]
		if metadata, object := r.Inputs["metadata"].(map[string]any); object && metadata["annotations"] != nil {
			annotations, _ := metadata["annotations"].(map[string]any)
			if annotations["pulumi.com/autonamed"] == "true" {
				continue
			}
		}
		// A patch of an object is none of its own.
		if !r.Custom || r.External || strings.Contains(r.URN, "::pulumi:providers:") || strings.HasSuffix(r.URN[:len(r.URN)-len("::"+name)], "Patch") {
			continue
		}
		// The IDs of bindings and of attachments are not those that import them.
		switch in := func(key string) string { text, _ := r.Inputs[key].(string); return text }; {
		case in("member") != "":
			ids[name] = strings.TrimSuffix(r.ID, "/"+in("role")+"/"+in("member")) + " " + in("role") + " " + in("member")
		case in("policyArn") != "":
			ids[name] = in("role") + "/" + in("policyArn")
		default:
			ids[name] = r.ID
		}
	}
	return ids
}

// Whoever followed a guide has everything that the stack would make and no state of an
// engine's, as has whoever lost the state: adopt takes it over, and nothing is replaced.
func TestExampleWhatAGuideMadeIsTakenOver(t *testing.T) {
	for stack, product := range map[string]string{"dev": "hello", "initech": "bifrost"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, stack)
			s := p.start(nil)
			first, before := up(t, s), uids(t, client(t, s), product)
			p.set("adopt", p.importIDs())
			taken := up(t, s)
			for _, change := range changes(taken) {
				assert.NotRegexp(t, "^(replace|delete) ", change)
			}
			assert.Equal(t, first.Outputs, taken.Outputs, "identities, grant and service are those of before")
			assert.Equal(t, before, uids(t, client(t, s), product))
			assert.Empty(t, broken(t, s, taken.Outputs))
			p.set("adopt", nil)
			assert.Equal(t, []string{"update kubernetes"}, changes(up(t, s)), "the provider takes no fields over any more")
		})
	}
}
