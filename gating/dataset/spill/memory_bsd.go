//go:build darwin || freebsd

package spill

import "golang.org/x/sys/unix"

func machineMemory() int64 {
	for _, name := range []string{"hw.memsize", "hw.physmem"} { // Darwin's name, FreeBSD's
		if n, err := unix.SysctlUint64(name); err == nil {
			return int64(n)
		}
	}
	return 0
}
