package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Deployed are the resources in a stack's state, as the engine wrote it to the
// state directory; none where it was never deployed.
func Deployed(dir, stack string) ([]apitype.ResourceV3, error) {
	files, _ := filepath.Glob(filepath.Join(dir, "backend", ".pulumi", "stacks", "*", stack+".json")) // fails on a bad pattern only
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
