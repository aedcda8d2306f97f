package pool

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryItemIsWorkedOnOnceAndNoMoreAtOnceThanAllowed(t *testing.T) {
	const items, parallel = 20, 3
	var calls [items]atomic.Int64
	var running, most atomic.Int64
	full := make(chan struct{})
	var once sync.Once
	Each(t.Context(), items, parallel, func(index int) {
		now := running.Add(1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		if now == parallel {
			once.Do(func() { close(full) })
		}
		<-full // nobody goes on before so many have met
		calls[index].Add(1)
		running.Add(-1)
	})
	assert.EqualValues(t, parallel, most.Load())
	for index := range calls {
		assert.EqualValues(t, 1, calls[index].Load(), index)
	}
}

func TestNothingStartsOnceTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var started []int
	Each(ctx, 10, 1, func(index int) {
		started = append(started, index)
		if index == 2 {
			cancel()
		}
	})
	assert.Equal(t, []int{0, 1, 2}, started)
	Each(ctx, 10, 4, func(int) { assert.Fail(t, "it started") })
}

func TestThereMayBeNothingToDo(t *testing.T) {
	Each(t.Context(), 0, 0, func(int) { assert.Fail(t, "it started") })
}

func TestTheSizeFollowsProcessorsAndMemory(t *testing.T) {
	assert.Equal(t, 8, size(4, math.MaxUint64))
	assert.Equal(t, 4, size(16, 8*perStack))
	assert.Equal(t, 1, size(1, 0))
	assert.GreaterOrEqual(t, Size(), 1)
}

func TestTheMemoryIsWhatTheMachineAndTheControlGroupLeave(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	meminfo := write("meminfo", "MemTotal:       8 kB\nMemAvailable:   4096 kB\n")
	assert.EqualValues(t, 4<<20, available(meminfo, folder))
	write("memory.max", "max\n")
	write("memory.current", "1048576\n")
	assert.EqualValues(t, 4<<20, available(meminfo, folder))
	write("memory.max", "3145728\n")
	assert.EqualValues(t, 2<<20, available(meminfo, folder))
	write("memory.current", "9999999\n")
	assert.EqualValues(t, 0, available(meminfo, folder))
	assert.EqualValues(t, uint64(math.MaxUint64), available(filepath.Join(folder, "none"), filepath.Join(folder, "none")))
}
