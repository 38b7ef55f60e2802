package graphmatch

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
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
		if moved, _, err := graphtest.Scramble(m, 1); err == nil {
			if _, err := AlignStructure([]*onnx.Model{m, moved}, 0); err != nil {
				t.Errorf("the reordered model does not align: %v", err)
			}
		}
	})
}

// FuzzFold aligns arbitrary files with one whose normalisation is folded: no input may panic, and what
// matches can be read, each parameter as long as its shape says.
func FuzzFold(f *testing.F) {
	plain := normed{kind: "Conv", bias: true}
	folded := graphtest.Load(f, plain.folded(f, 1))
	for _, c := range []normed{plain, {kind: "Conv"}, {kind: "ConvTranspose", bias: true}, {kind: "GemmB"},
		{kind: "MatMul", bias: true}} {
		data, err := proto.Marshal(c.draw(f, 1))
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
		for base := range 2 {
			a, err := Align([]*onnx.Model{folded, m}, base)
			if err != nil {
				continue
			}
			a.Table()
			for i := range a.Layers {
				readAll(t, a, &a.Layers[i])
			}
		}
	})
}

// readAll reads a layer's parameters in all models.
func readAll(t *testing.T, a *Alignment, l *Layer) {
	if !l.Mergeable() {
		return
	}
	for k := range l.Params {
		size := 1
		for _, d := range l.Params[k].Shape {
			size *= d
		}
		for j := range a.Models {
			if v, err := a.Doubles(&l.Params[k], j, nil); err == nil && len(v) != size {
				t.Errorf("layer %q: %s of model %d has %d values, want %d", l.Name, l.Params[k].Role, j, len(v), size)
			}
		}
	}
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
