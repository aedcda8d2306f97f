//go:build differential

package differential

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulator is the other evaluator, in a process of its own.
type simulator struct {
	questions *json.Encoder
	answers   *json.Decoder
}

// answer is what simulate.mjs prints.
type answer struct {
	Result  string          `json:"result"`
	Errors  json.RawMessage `json:"errors"`
	Ignored []string        `json:"ignored"`
}

func startSimulator(t *testing.T) *simulator {
	t.Helper()
	modules := os.Getenv("IAM_SIMULATE_MODULES")
	require.DirExists(t, filepath.Join(modules, "@cloud-copilot", "iam-simulate"),
		"want IAM_SIMULATE_MODULES to name a node_modules folder with @cloud-copilot/iam-simulate: see README.md")
	command := exec.Command("node", "simulate.mjs", modules)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, command.Wait())
	})
	return &simulator{questions: json.NewEncoder(stdin), answers: json.NewDecoder(bufio.NewReader(stdout))}
}

func (s *simulator) ask(question any) (answer, error) {
	if err := s.questions.Encode(question); err != nil {
		return answer{}, err
	}
	var got answer
	return got, s.answers.Decode(&got)
}
