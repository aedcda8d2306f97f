package aws

import (
	"fmt"
	"maps"
	"slices"
)

// fargateSizes are the memory in MiB that Fargate offers for each number of
// CPU units (docs/facts.md §4).
var fargateSizes = map[int][]int{
	256:   {512, 1024, 2048},
	512:   steps(1024, 4096, 1024),
	1024:  steps(2048, 8192, 1024),
	2048:  steps(4096, 16384, 1024),
	4096:  steps(8192, 30720, 1024),
	8192:  steps(16384, 61440, 4096),
	16384: steps(32768, 122880, 8192),
}

// steps counts from least to most.
func steps(least, most, step int) []int {
	var all []int
	for memory := least; memory <= most; memory += step {
		all = append(all, memory)
	}
	return all
}

// checkFargateSize reports a size that Fargate does not offer, with those that
// it does.
func checkFargateSize(cpu, memory int) error {
	sizes, found := fargateSizes[cpu]
	if !found {
		return fmt.Errorf("of cpu %d: want one of %v, 1024 units are a CPU", cpu, slices.Sorted(maps.Keys(fargateSizes)))
	}
	if !slices.Contains(sizes, memory) {
		return fmt.Errorf("of cpu %d and memory %d: want one of %v MiB for that cpu", cpu, memory, sizes)
	}
	return nil
}
