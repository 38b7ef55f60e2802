package network

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestStretchedShapes gives a graph three samples [_,2,6] although its shapes were written for one. Shapes that copy,
// infer or compute the number of samples hold them anyway, and those of weights have nothing to do with it.
func TestStretchedShapes(t *testing.T) {
	for _, c := range []struct {
		name, from string
		dims       []int64
		want       []int
	}{
		{"one sample", "x", []int64{1, 12}, []int{3, 12}},
		{"parts of a sample", "x", []int64{4, 3}, []int{12, 3}},
		{"parts and the rest", "x", []int64{4, -1}, []int{12, 3}},
		{"computed from the input", "x", []int64{3, -1}, []int{3, 12}},
		{"copied", "x", []int64{0, 12}, []int{3, 12}},
		{"inferred", "x", []int64{-1, 6}, []int{6, 6}},
		{"a weight", "w", []int64{1, -1}, []int{1, 6}},
	} {
		g := graphOf("x")
		addFloats(t, g, "w", []int{6, 1}, 1, 2, 3, 4, 5, 6)
		addNode(g, "Reshape", c.from, "y", optest.IntsAttr("shape", c.dims...))
		m := modelOf(t, g, nil, "y")
		w := ir.Param{Sites: []onnx.Site{{Node: g.GetNode()[0]}}, Shape: []int{6, 1},
			Values: [][]float32{{1, 2, 3, 4, 5, 6}}, Axis: -1}
		config := Config{Shapes: map[string][]int{"x": {3, 2, 6}}, Rebatch: 3}
		if c.from == "w" {
			config.Params = []ir.Param{w}
		}
		lowered, err := Lower(m, config)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := lowered.Outputs()[0].Shape; !slices.Equal(got, c.want) {
			t.Errorf("%s: shape %v, want %v", c.name, got, c.want)
		}
	}
	g := graphOf("x")
	addNode(g, "Reshape", "x", "y", optest.IntsAttr("shape", 5, 7))
	if _, err := Lower(modelOf(t, g, nil, "y"),
		Config{Shapes: map[string][]int{"x": {3, 2, 6}}, Rebatch: 3}); !isKind(err, op.ErrShape) {
		t.Errorf("a shape that fits no number of samples: %v", err)
	}
}

// TestStretchedTokens joins the data with a token a sample, written for exports of two samples: run on six, every pair
// has it.
func TestStretchedTokens(t *testing.T) {
	g := graphOf("x")
	addFloats(t, g, "token", []int{2, 1, 2}, 1, 2, 3, 4)
	n := addNode(g, "Concat", "token x", "y", optest.IntAttr("axis", -2))
	m := modelOf(t, g, nil, "y")
	token := ir.Param{Sites: []onnx.Site{{Node: n}}, Shape: []int{2, 1, 2},
		Values: [][]float32{{1, 2, 3, 4}, {5, 6, 7, 8}}, Axis: -1}
	x := counting(6, 3, 2)
	got := ranRebatched(t, m, token, x, 3)
	for pair := range 3 {
		part := &op.Tensor{Type: onnx.Float32, Shape: []int{2, 3, 2}, F: x.F[12*pair : 12*pair+12]}
		want := ranRebatched(t, m, token, part, 1)
		if !slices.Equal(got.F[16*pair:16*pair+16], want.F) {
			t.Errorf("pair %d: %v, alone it gives %v", pair, got.F[16*pair:16*pair+16], want.F)
		}
	}
	if _, err := Lower(m, Config{Shapes: map[string][]int{"x": {6, 3, 2}}, Rebatch: 2}); !isKind(err, op.ErrShape) {
		t.Errorf("a token for two samples and six of them, stretched to four: %v", err)
	}
}

// ranRebatched is the output for x with halves of both values of a mixture.
func ranRebatched(t *testing.T, m *onnx.Model, p ir.Param, x *op.Tensor, stretch int) *op.Tensor {
	t.Helper()
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": x.Shape}, Params: []ir.Param{p}, Rebatch: stretch})
	if err != nil {
		t.Fatal(err)
	}
	outs, err := NewRunner(lowered, nil).Run(map[string]*op.Tensor{"x": x}, [][]float64{{0.5, 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	return outs[0]
}
