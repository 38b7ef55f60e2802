package spill

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// Memory is how many bytes of memory this process may have: the machine's, or less where it is one of a group with a
// limit, as in a container. It is 0 where the system does not say.
func Memory() int64 {
	machine := machineMemory()
	groups, _ := os.ReadFile("/proc/self/cgroup")
	if limit := groupLimit("/sys/fs/cgroup", string(groups)); limit > 0 && (machine == 0 || limit < machine) {
		return limit
	}
	return machine
}

// groupLimit is the least limit of memory of the control groups that a process is in, 0 if there is none. groups are
// lines as in /proc/PID/cgroup: a number, controllers (none in version 2), a path.
func groupLimit(root, groups string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		folder, file := root, "memory.max"
		if parts[1] == "memory" {
			folder, file = path.Join(root, "memory"), "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			text, _ := os.ReadFile(path.Join(folder, at, file))
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
			if at == "/" {
				break
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}
