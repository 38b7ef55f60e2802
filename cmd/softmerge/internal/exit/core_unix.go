//go:build unix

package exit

import "syscall"

// noCore keeps the memory of a program that aborts from being written to disk, where the system lets it.
func noCore() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
	}
}
