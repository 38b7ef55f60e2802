package graphmatch

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// TestCoverageOfFamilies: all models of a family match in all their weights, whatever their exporter made of them.
func TestCoverageOfFamilies(t *testing.T) {
	for dir, files := range families(t) {
		models := make([]*onnx.Model, len(files))
		for i, f := range files {
			m, err := onnx.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			models[i] = m
		}
		list, err := align(t, models...).Coverage()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.UnmatchedTensors > 0 || c.Weights == 0 {
				t.Errorf("%s: %+v", dir, c)
			}
		}
	}
}

// TestCoverageCounts weights by hand: a layer that only one model has is unmatched there, quantised weights are in all,
// scales of a Resize that are the same everywhere are no weights, and single numbers are none.
func TestCoverageCounts(t *testing.T) {
	build := func(seed uint64, extra bool) *onnx.Model {
		b := graphtest.New(t, seed)
		x := b.Node("fc", "Gemm", []string{b.Input("x"), b.Weight("w", 8, 8), b.Weight("b", 8)})
		x = b.Node("up", "Resize", []string{x, "", b.Tensor("scales", []int{2}, []float32{1, 1})})
		x = b.Node("half", "Mul", []string{x, b.Tensor("onnx::Mul_7", nil, []float32{.5})})
		if extra {
			x = b.Node("more", "Gemm", []string{x, b.Weight("w2", 8, 4), b.Weight("b2", 4)})
		}
		b.Output(x)
		m, err := onnx.FromProto(b.Model)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	list, err := align(t, build(1, false), build(2, true)).Coverage()
	if err != nil {
		t.Fatal(err)
	}
	a, b := list[0], list[1]
	if a.Tensors != 2 || a.Weights != 72 || a.UnmatchedTensors != 0 {
		t.Errorf("%+v", a)
	}
	if b.Tensors != 4 || b.Weights != 108 || b.UnmatchedTensors != 2 || b.UnmatchedWeights != 36 ||
		b.UnmatchedShare != 36./108 || !slices.Equal(b.Largest, []string{"w2", "b2"}) {
		t.Errorf("%+v", b)
	}
}

// TestCoverageOfQuantised: integers are weights, their scales and zero points are none.
func TestCoverageOfQuantised(t *testing.T) {
	list, err := align(t, openFixture(t, "unlike/quantised/weights0.onnx"),
		openFixture(t, "unlike/quantised/weights1.onnx")).Coverage()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list { // 8*9 + 8*16*9 + 16*16*9 + 64*10 weights and 50 biases
		if c.Tensors != 8 || c.Weights != 4218 || c.UnmatchedTensors != 4 || c.UnmatchedWeights != 4168 {
			t.Errorf("%+v", c)
		}
	}
}
