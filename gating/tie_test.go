package gating

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// languageNet reads an embedding table and, for its output, the table again
// behind a Transpose where tied, else a matrix of its own.
func languageNet(t *testing.T, tied bool, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 6)
	b.weight(t, "table", onnx.Float32, seed, 6, 4)
	b.node("MatMul", "e", []string{"x", "table"})
	b.node("Tanh", "r", []string{"e"})
	head := "head"
	if tied {
		b.node("Transpose", "turned", []string{"table"})
		head = "turned"
	} else {
		b.weight(t, "head", onnx.Float32, seed+9, 4, 6)
	}
	b.node("MatMul", "y", []string{"r", head})
	b.out("y")
	return b.model(t)
}

// TestTransposedTies keeps one tensor where all parents tie a layer to another's
// transposed weight, and separates them where one parent does not.
func TestTransposedTies(t *testing.T) {
	for _, test := range []struct {
		tied         []bool
		layers, kept int
	}{
		{[]bool{true, true, true}, 1, 1},
		{[]bool{true, true, false}, 2, 3}, // the shared tensor is left over once both layers have their own
		{[]bool{false, true, true}, 2, 2},
	} {
		var models []*onnx.Model
		for j, tied := range test.tied {
			models = append(models, languageNet(t, tied, uint64(20*j)))
		}
		p := planOf(t, models, ByLayer)
		back := wantSameLogits(t, p, randomCoefficients(p, 4), samples(3, 8, 6), 1e-5)
		if n := len(back.Proto().GetGraph().GetInitializer()); n > test.kept || len(p.Layers) != test.layers {
			t.Errorf("tied %v: %d layers and %d initializers, want %d and at most %d", test.tied, len(p.Layers), n, test.layers, test.kept)
		}
	}
}

// equalNet is two Gemm layers whose biases an exporter found equal and stored
// once, the second behind an Identity. The bias is an output of the network too.
func equalNet(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4)
	b.weight(t, "w1", onnx.Float32, seed, 4, 4)
	b.weight(t, "w2", onnx.Float32, seed+50, 4, 4)
	b.weight(t, "b", onnx.Float32, seed+70, 4)
	b.node("Gemm", "h", []string{"x", "w1", "b"})
	b.node("Identity", "same", []string{"b"})
	b.node("Gemm", "y", []string{"h", "w2", "same"})
	b.out("y")
	b.node("Identity", "shown", []string{"b"})
	b.out("shown")
	return b.model(t)
}

// TestEqualBiasesArePartedInEveryParent gives layers that share a bias in all
// parents biases of their own, for their gates differ; who else reads the bias
// keeps what the base has.
func TestEqualBiasesArePartedInEveryParent(t *testing.T) {
	models := []*onnx.Model{equalNet(t, 1), equalNet(t, 2)}
	p := planOf(t, models, ByLayer)
	if len(p.Layers) != 2 {
		t.Fatalf("%d layers, want 2", len(p.Layers))
	}
	back := wantSameLogits(t, p, [][]float64{{0.25, 0.75}, {0.5, 0.5}}, samples(3, 8, 4), 1e-5)
	want := must(models[0].Tensor(models[0].Proto().GetGraph().GetInitializer()[2]).Floats(nil))(t)
	for _, x := range back.Proto().GetGraph().GetInitializer() {
		if x.GetName() == "b" && !slices.Equal(must(back.Tensor(x).Floats(nil))(t), want) {
			t.Error("the shared bias, which is an output too, was overwritten")
		}
	}
}

// TestPartedNamesDoNotClash merges into a base that has tensors and values of the
// names that parted tensors would get.
func TestPartedNamesDoNotClash(t *testing.T) {
	clashing := func() *onnx.Model {
		b := newBuilt()
		b.in("x", -1, 4)
		b.weight(t, "w1", onnx.Float32, 1, 4, 4)
		b.weight(t, "h.weight.softmerge", onnx.Float32, 1, 4, 4)
		b.node("Identity", "same", []string{"w1"})
		b.node("Gemm", "h", []string{"x", "w1"})
		b.node("Gemm", "h.weight.softmerge2", []string{"h", "same"})
		b.node("Gemm", "y", []string{"h.weight.softmerge2", "h.weight.softmerge"})
		b.out("y")
		return b.model(t)
	}
	apart := func(seed uint64) *onnx.Model {
		b := newBuilt()
		b.in("x", -1, 4)
		in := "x"
		for _, n := range []string{"h", "i", "y"} {
			b.weight(t, n+"w", onnx.Float32, seed+uint64(n[0]), 4, 4)
			b.node("Gemm", n, []string{in, n + "w"})
			in = n
		}
		b.out("y")
		return b.model(t)
	}
	models := []*onnx.Model{clashing(), apart(3)}
	p := planOf(t, models, ByLayer)
	coeffs := randomCoefficients(p, 4)
	first := fileBytes(t, wantSameLogits(t, p, coeffs, samples(3, 8, 4), 1e-5))
	if second := fileBytes(t, must(p.Bake(coeffs))(t)); !slices.Equal(first, second) {
		t.Error("baking twice gives other bytes")
	}
	names := map[string]bool{}
	for _, x := range must(p.Bake(coeffs))(t).Proto().GetGraph().GetInitializer() {
		if names[x.GetName()] {
			t.Errorf("two initializers are called %q", x.GetName())
		}
		names[x.GetName()] = true
	}
}
