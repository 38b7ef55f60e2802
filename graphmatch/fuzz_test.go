package graphmatch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// FuzzAlign aligns arbitrary files with themselves and reorders their hidden units: no input may panic,
// and a model always fits itself.
func FuzzAlign(f *testing.F) {
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil {
		f.Fatal(err)
	}
	units, err := filepath.Glob("testdata/units/*.onnx")
	if err != nil || len(units) == 0 {
		f.Fatal("no networks", err)
	}
	for _, file := range append(files, units...) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data, "")
		if err != nil {
			return
		}
		a, err := AlignStructure([]*onnx.Model{m, m}, 1)
		if err != nil {
			return
		}
		for _, l := range a.Layers {
			if l.Status == Missing || len(l.Params) == 0 {
				t.Errorf("layer %q with %d parameters is %s: %s", l.Name, len(l.Params), l.Status, l.Reason)
			}
		}
		a.Table()
		if moved, _, err := Scramble(m, 1); err == nil {
			if _, err := AlignStructure([]*onnx.Model{m, moved}, 0); err != nil {
				t.Errorf("the reordered model does not align: %v", err)
			}
		}
	})
}

// FuzzSelect tries arbitrary patterns: none may panic, and what is chosen is in order.
func FuzzSelect(f *testing.F) {
	for _, s := range []string{"conv*", "op:Conv", "/layer1", "between:x,y", "{a,b", "[", "**", "onnx::*", "!x"} {
		f.Add(s)
	}
	a, err := Align(open(f, "resnet_fresh", "resnet_tuned"), 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		s, err := a.Select([]string{pattern}, nil)
		if err == nil && len(s.Layers) == 0 {
			t.Errorf("pattern %q chose nothing without an error", pattern)
		}
	})
}
