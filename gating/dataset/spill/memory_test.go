package spill

import (
	"os"
	"path/filepath"
	"testing"
)

// The least limit of all groups around a process counts, in both versions of control groups.
func TestGroupLimit(t *testing.T) {
	root := t.TempDir()
	for path, limit := range map[string]string{
		"memory.max": "max\n", "a/memory.max": "5000\n", "a/b/memory.max": "max\n", "a/c/memory.max": "300\n",
		"memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/x/memory.limit_in_bytes": "700\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(limit), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for groups, want := range map[string]int64{
		"0::/\n": 0, "0::/a\n": 5000, "0::/a/b\n": 5000, "0::/a/c\n": 300, "0::/gone\n": 0, "": 0, "x\n": 0,
		"0::/../../etc\n": 0, "4:memory:/x\n0::/a\n": 700, "4:memory:/\n": 9223372036854771712, "3:cpu:/a/c\n": 0,
	} {
		if got := groupLimit(root, groups); got != want {
			t.Errorf("%q: %d, want %d", groups, got, want)
		}
	}
	if Memory() < 0 {
		t.Errorf("the machine has %d bytes", Memory())
	}
}

// Temporary files do not go where they would take memory.
func TestTempFolder(t *testing.T) {
	here := t.TempDir()
	for _, folder := range []string{"/dev/shm", "/nowhere"} {
		t.Setenv("TMPDIR", folder)
		if got, err := tempFolder(); err == nil && (got == folder && inMemory(folder) || got == "/nowhere") {
			t.Errorf("files go to %s", got)
		}
	}
	t.Setenv("TMPDIR", here)
	if got, err := tempFolder(); err != nil || !inMemory(here) && got != here {
		t.Errorf("files go to %s, %v; want %s", got, err, here)
	}
}

// A file is as long as asked for where the file system promises nothing.
func TestWriteZeros(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 3<<20 + 5
	if err := writeZeros(f, size); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("%v, %v", info.Size(), err)
	}
}
