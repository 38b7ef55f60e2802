//go:build linux || darwin || freebsd

package spill

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// supported says whether files can be mapped on this system.
const supported = true

var errTooMany = errors.New("they are too many for this system")

// mapFile maps a part of a file that begins at a page.
func mapFile(f *os.File, from, bytes int64, writable bool) ([]byte, error) {
	if int64(int(bytes)) != bytes {
		return nil, errTooMany
	}
	access := unix.PROT_READ
	if writable {
		access |= unix.PROT_WRITE
	}
	return unix.Mmap(int(f.Fd()), from, int(bytes), access, unix.MAP_SHARED)
}

func unmap(mapped []byte) error { return unix.Munmap(mapped) }

// freeBytes is the room on the disk of a folder, for this user and at all.
func freeBytes(folder string) (free, size int64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), true
}
