package pool

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// perStack is the memory of one Pulumi engine with this program, measured on a
// preview (docs/building.md). The processes of the providers come on top, so
// that half of the memory is left to them.
const perStack = 110 << 20

// Size is how many stacks run side by side where nobody says: two to a
// processor, for a stack mostly waits for its clouds, and no more than half of
// the available memory carries; at least one.
func Size() int {
	return size(runtime.GOMAXPROCS(0), available("/proc/meminfo", "/sys/fs/cgroup"))
}

func size(processors int, memory uint64) int {
	return max(1, min(2*processors, int(min(memory/2/perStack, math.MaxInt32))))
}

// available is the memory that new processes can have: the machine's, and the
// control group's where that is less. Where neither says, there is no bound.
func available(meminfo, cgroup string) uint64 {
	memory := uint64(math.MaxUint64)
	if text, err := os.ReadFile(meminfo); err == nil {
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) == 3 && fields[0] == "MemAvailable:" {
				if kibibytes, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
					memory = kibibytes << 10
				}
			}
		}
	}
	limit, isLimit := number(cgroup + "/memory.max")
	used, isUsed := number(cgroup + "/memory.current")
	if isLimit && isUsed {
		memory = min(memory, limit-min(used, limit))
	}
	return memory
}

// number reads a file of a control group; false where it says "max".
func number(path string) (uint64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	value, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return value, err == nil
}
