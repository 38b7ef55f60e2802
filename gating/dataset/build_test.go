package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx/advice"
)

// npyWith is a .npy file of version 1 with any header text.
func npyWith(header string, values any) []byte {
	out := []byte(npyMagic + "\x01\x00")
	out = binary.LittleEndian.AppendUint16(out, uint16(len(header)))
	out = append(out, header...)
	out, err := binary.Append(out, binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return out
}

// npyOf is a well-formed .npy file. shape is written as Python does: "(2, 3)".
func npyOf(descr, shape string, values any) []byte {
	return npyWith(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape), values)
}

// entry is one file of an archive.
type entry struct {
	name string
	data []byte
}

// npzOf is an .npz file with these arrays, deflated.
func npzOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		f, err := w.Create(e.name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		f.Write(e.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// store writes data to a file of that name in a fresh folder.
func store(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantRefusal checks that err is a complete error of this package: its kind, all that it must say, and a hint.
func wantRefusal(t testing.TB, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error: want one that says %q", says)
	}
	if !errors.Is(err, ErrData) {
		t.Errorf("%v: not of kind ErrData", err)
	}
	if advice.Hint(err) == "" {
		t.Errorf("%v: no hint", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error()+" | "+advice.Hint(err), s) {
			t.Errorf("error %q with hint %q does not say %q", err, advice.Hint(err), s)
		}
	}
}

// mustOpen opens a data set that has no fault.
func mustOpen(t testing.TB, path string, o Options) *Data {
	t.Helper()
	d, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// mustWell checks what every data set must keep to, however odd the file was.
func mustWell(t testing.TB, d *Data) {
	t.Helper()
	columns := d.Inputs
	if d.Label != nil {
		columns = append(columns[:len(columns):len(columns)], *d.Label)
	}
	for _, c := range columns {
		if (c.Floats == nil) == (c.Ints == nil) {
			t.Fatalf("column %q has %d floats and %d ints: want exactly one kind", c.Name, len(c.Floats), len(c.Ints))
		}
		if c.Len() != d.Len() || c.Len() == 0 || (len(c.Floats)+len(c.Ints))%c.Size() != 0 {
			t.Fatalf("column %q has %d samples of %d, the data has %d", c.Name, c.Len(), c.Size(), d.Len())
		}
		if (c.Floats != nil) != c.Type.IsFloat() {
			t.Fatalf("column %q of type %s holds the wrong kind", c.Name, c.Type)
		}
		if err := checkFinite(c.Floats); err != nil {
			t.Fatalf("column %q: %v", c.Name, err)
		}
	}
}
