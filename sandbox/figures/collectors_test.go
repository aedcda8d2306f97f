package figures

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// short is a meter that works in a directory of the test's, and what it says.
func short(t *testing.T) (m *meter, said func() string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	var lines []string
	m = newMeter(Options{Root: root, Progress: func(message string) { lines = append(lines, message) }})
	m.state, m.refreshes = t.TempDir(), 1
	return m, func() string { return strings.Join(lines, "\n") }
}

func TestWalksAFaultAndPullsAreCounted(t *testing.T) {
	m, said := short(t)
	ctx := context.Background()
	require.NoError(t, m.deployed(ctx, "dev", func(d *deployment) error {
		require.NoError(t, m.walks(ctx, d))
		hosts, err := hostsOf(ctx, d)
		require.NoError(t, err)
		assert.Subset(t, hosts, []string{"login.microsoftonline.com", "sts.googleapis.com", "iamcredentials.googleapis.com", "europe-west1-docker.pkg.dev"})
		m.fault(ctx, d, "sts.googleapis.com", faultKinds[0])
		m.fault(ctx, d, "nobody.example", faultKinds[0])
		return m.pulls(ctx, d)
	}), "the tools are built by `make tools`")
	assert.Equal(t, Accepted{1, 1}, m.report.Accepted, said())
	assert.Positive(t, m.report.Refusals.Cases)
	assert.Equal(t, m.report.Refusals.Cases, m.report.Refusals.AtRightHop, said())
	assert.Equal(t, Faults{Cases: 2, Survived: 1}, m.report.Faults, "a fault that nobody met is not survived")
	assert.Contains(t, said(), "500 at nobody.example: the walk did not meet it")
	assert.Positive(t, m.report.Pulls.Tried)
	assert.Zero(t, m.report.Pulls.Failed, said())
}

func TestAnInterruptedUpdateIsCounted(t *testing.T) {
	m, said := short(t)
	require.NoError(t, m.interruption(context.Background(), 3))
	assert.Equal(t, Interruptions{Cases: 1, Converged: 1}, m.report.Interruptions, said())
}
