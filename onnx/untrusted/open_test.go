package untrusted_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx/untrusted"
)

// file writes a file of some bytes.
func file(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func Example() {
	_, _, err := untrusted.Open(os.TempDir())
	fmt.Println(errors.Is(err, untrusted.ErrNotRegular))
	// Output: true
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := file(t, filepath.Join(dir, "f"), "content")
	f, info, err := untrusted.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "content" || info.Size() != 7 {
		t.Errorf("got %q of %d bytes, %v", data, info.Size(), err)
	}
	if _, _, err := untrusted.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := untrusted.Open(dir); !errors.Is(err, untrusted.ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
}

// Links are followed, and what they lead to counts.
func TestOpenOfLinks(t *testing.T) {
	dir := t.TempDir()
	path := file(t, filepath.Join(dir, "f"), "content")
	for name, to := range map[string]string{"good": path, "folder": dir, "loop": filepath.Join(dir, "loop")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip("no links here: ", err)
		}
		f, _, err := untrusted.Open(filepath.Join(dir, name))
		if (err == nil) != (name == "good") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

func TestOpenIn(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	file(t, filepath.Join(dir, "outside"), "secret")
	file(t, filepath.Join(dir, "in", "f"), "content")
	root, err := os.OpenRoot(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, _, err := untrusted.OpenIn(root, "f")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(dir, "in", "link")); err != nil {
		t.Log("no links here: ", err)
	}
	for _, name := range []string{"../outside", "link", ".", "none", filepath.Join(dir, "outside")} {
		if f, _, err := untrusted.OpenIn(root, name); err == nil {
			f.Close()
			t.Errorf("%s is opened", name)
		}
	}
}

func TestRead(t *testing.T) {
	path := file(t, filepath.Join(t.TempDir(), "f"), "12345")
	if data, err := untrusted.Read(path, 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	_, err := untrusted.Read(path, 4)
	if !errors.Is(err, untrusted.ErrTooLarge) || !strings.Contains(err.Error(), path) {
		t.Errorf("five bytes where four are allowed: %v", err)
	}
	if _, err := untrusted.Read(filepath.Dir(path), 4); !errors.Is(err, untrusted.ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
}
