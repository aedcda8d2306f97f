package world_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func TestTheWorldsOfTheExamplesAreSound(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "worlds", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		_, err := world.Load(file)
		require.NoError(t, err)
	}
}
