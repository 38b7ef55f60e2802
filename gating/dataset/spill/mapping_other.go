//go:build !(linux || darwin || freebsd)

package spill

import (
	"errors"
	"os"
)

// supported says whether files can be mapped on this system.
const supported = false

func mapFile(*os.File, int64, int64, bool) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return nil }

func freeBytes(string) (free, size int64, ok bool) { return 0, 0, false }
