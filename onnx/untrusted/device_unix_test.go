//go:build unix

package untrusted_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/softmerge/softmerge/onnx/untrusted"
)

// A pipe that nobody writes to, and a device that never ends: neither may hold the program up.
func TestOpenDoesNotBlock(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		if _, _, err := untrusted.Open(path); !errors.Is(err, untrusted.ErrNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := untrusted.Read(path, 10); !errors.Is(err, untrusted.ErrNotRegular) {
			t.Errorf("%s is read: %v", path, err)
		}
	}
}
