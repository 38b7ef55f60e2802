// Package gatetest has what the tests of packages gating and search share: fixtures,
// small networks built in memory, and samples for them. Only tests import it.
package gatetest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Must returns v or fails the test: Must(f())(t).
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Path is the path of a file of the fixtures, from whichever package's folder a test runs in.
func Path(t testing.TB, name ...string) string {
	t.Helper()
	root := "."
	for range 8 {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Join(append([]string{root, "fixtures"}, name...)...)
		}
		root = filepath.Join("..", root)
	}
	t.Fatal("no go.mod above the test's folder")
	return ""
}

// Open opens models of the fixtures.
func Open(t testing.TB, names ...string) []*onnx.Model {
	t.Helper()
	var list []*onnx.Model
	for _, name := range names {
		m := Must(onnx.Open(Path(t, name)))(t)
		t.Cleanup(func() { m.Close() })
		list = append(list, m)
	}
	return list
}

// FineTunes names the files of a family's first n fine-tunes.
func FineTunes(family string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s/ft%d.onnx", family, i))
	}
	return names
}

// Data opens a data set of the fixtures for a model's inputs.
func Data(t testing.TB, name string, inputs []dataset.Field) *dataset.Data {
	t.Helper()
	return Must(dataset.Open(Path(t, name), dataset.Options{Inputs: inputs}))(t)
}

// Select aligns models with the first as the base and selects every layer that matches a pattern.
func Select(t testing.TB, models []*onnx.Model, only ...string) *graphmatch.Selection {
	t.Helper()
	return Must(Must(graphmatch.Align(models, 0))(t).Select(only, nil))(t)
}

// Written writes a model and opens the file.
func Written(t testing.TB, m *onnx.Model) *onnx.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.onnx")
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{Verify: func(string) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	back := Must(onnx.Open(path))(t)
	t.Cleanup(func() { back.Close() })
	if err := onnx.Validate(back); err != nil {
		t.Fatal(err)
	}
	return back
}

// Bytes is a model as it would be written.
func Bytes(t testing.TB, m *onnx.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
