package aws

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Fargate's table in the words of its documentation, as a rule rather than as
// the list that is under test
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html).
func offered(cpu, memory int) bool {
	gib := memory / 1024
	whole := memory%1024 == 0
	switch cpu {
	case 256:
		return memory == 512 || memory == 1024 || memory == 2048
	case 512:
		return whole && gib >= 1 && gib <= 4
	case 1024:
		return whole && gib >= 2 && gib <= 8
	case 2048:
		return whole && gib >= 4 && gib <= 16
	case 4096:
		return whole && gib >= 8 && gib <= 30
	case 8192:
		return whole && gib >= 16 && gib <= 60 && gib%4 == 0
	case 16384:
		return whole && gib >= 32 && gib <= 120 && gib%8 == 0
	}
	return false
}

func TestExactlyTheSizesOfFargateAreAccepted(t *testing.T) {
	cpus := []int{256, 512, 1024, 2048, 4096, 8192, 16384}
	accepted := 0
	for _, cpu := range cpus {
		for memory := 0; memory <= 131072; memory += 512 {
			err := checkFargateSize(cpu, memory)
			assert.Equal(t, offered(cpu, memory), err == nil, "cpu %d, memory %d: %v", cpu, memory, err)
			if err == nil {
				accepted++
			}
		}
	}
	assert.Equal(t, 3+4+7+13+23+12+12, accepted)

	rapid.Check(t, func(t *rapid.T) {
		cpu := rapid.OneOf(rapid.SampledFrom(cpus), rapid.IntRange(-1, 1<<15)).Draw(t, "cpu")
		memory := rapid.OneOf(rapid.Map(rapid.IntRange(0, 130), func(gib int) int { return gib * 1024 }), rapid.IntRange(-1, 1<<17)).Draw(t, "memory")
		require.Equal(t, offered(cpu, memory), checkFargateSize(cpu, memory) == nil)
	})
}

func TestARefusedSizeNamesThoseThatAreOffered(t *testing.T) {
	assert.EqualError(t, checkFargateSize(300, 512), "of cpu 300: want one of [256 512 1024 2048 4096 8192 16384], 1024 units are a CPU")
	assert.EqualError(t, checkFargateSize(256, 1536), "of cpu 256 and memory 1536: want one of [512 1024 2048] MiB for that cpu")
}
