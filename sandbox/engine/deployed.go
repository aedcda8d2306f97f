package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"
)

// Deployed are the resources in a stack's state, as the engine wrote it to the
// state directory; none where it was never deployed.
func Deployed(dir, stack string) ([]apitype.ResourceV3, error) {
	files := checkpoints(dir, stack)
	if len(files) == 0 {
		return nil, nil
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	var file struct {
		Checkpoint apitype.CheckpointV3 `json:"checkpoint"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("engine: %s: %w", files[0], err)
	}
	if file.Checkpoint.Latest == nil {
		return nil, nil
	}
	return file.Checkpoint.Latest.Resources, nil
}

// checkpoints are the files in which the backend keeps a stack's state: one, or none
// where it does not know the stack.
func checkpoints(dir, stack string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "backend", ".pulumi", "stacks", "*", stack+".json")) // fails on a bad pattern only
	return files
}

// shown are the outputs of a stack as its state has them, with "[secret]" for each
// that is secret or holds a secret.
func shown(outputs map[string]any) map[string]any {
	all := make(map[string]any, len(outputs))
	for name, value := range outputs {
		all[name] = value
		if holdsSecret(value) {
			all[name] = "[secret]"
		}
	}
	return all
}

func holdsSecret(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, holdsSecret)
	case map[string]any:
		return value[sig.Key] == sig.Secret || slices.ContainsFunc(slices.Collect(maps.Values(value)), holdsSecret)
	}
	return false
}
