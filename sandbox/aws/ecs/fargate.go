package ecs

import (
	"strconv"
	"strings"
)

// memories are the sizes of memory, in MiB, from least to most by step, that
// Fargate offers for a CPU size (docs/facts.md §4).
type memories struct{ least, most, step int }

var fargate = map[int]memories{
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

// fargateOffers says whether Fargate offers a combination of CPU units and MiB.
func fargateOffers(cpu, memory int) bool {
	if cpu == 256 {
		return memory == 512 || memory == 1024 || memory == 2048
	}
	offer, known := fargate[cpu]
	return known && memory >= offer.least && memory <= offer.most && (memory-offer.least)%offer.step == 0
}

// size reads a task's CPU or memory, which may be written in 1024 of its unit,
// as 1 vCPU or 2 GB; it returns 0 for what is neither:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
func size(text, unit string) int {
	if whole, err := strconv.Atoi(text); err == nil {
		return whole
	}
	number, found := strings.CutSuffix(strings.ToLower(text), strings.ToLower(unit))
	parts, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !found || err != nil {
		return 0
	}
	return int(parts * 1024)
}

func cpuUnits(text string) int { return size(text, "vCPU") }

func mebibytes(text string) int { return size(text, "GB") }
