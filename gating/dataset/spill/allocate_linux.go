package spill

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate makes a file so long, of bytes that are there to be written. A file system that cannot promise them is
// written to.
func allocate(f *os.File, bytes int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, bytes)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return writeZeros(f, bytes)
	}
	return err
}

// inMemory says whether files in a folder take memory.
func inMemory(folder string) bool {
	var s unix.Statfs_t
	return unix.Statfs(folder, &s) == nil && (uint32(s.Type) == unix.TMPFS_MAGIC || uint32(s.Type) == unix.RAMFS_MAGIC)
}
