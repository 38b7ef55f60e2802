package gating

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// languageNet reads an embedding table and, for its output, the table again
// behind a Transpose where tied, else a matrix of its own.
func languageNet(t *testing.T, tied bool, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 6)
	b.Weight(t, "table", onnx.Float32, seed, 6, 4)
	b.Node("MatMul", "e", []string{"x", "table"})
	b.Node("Tanh", "r", []string{"e"})
	head := "head"
	if tied {
		b.Node("Transpose", "turned", []string{"table"})
		head = "turned"
	} else {
		b.Weight(t, "head", onnx.Float32, seed+9, 4, 6)
	}
	b.Node("MatMul", "y", []string{"r", head})
	b.Out("y")
	return b.Model(t)
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
		back := wantSameLogits(t, p, randomCoefficients(p, 4), gatetest.Samples(3, 8, 6), 1e-5)
		if n := len(back.Proto().GetGraph().GetInitializer()); n > test.kept || len(p.layers) != test.layers {
			t.Errorf("tied %v: %d layers and %d initializers, want %d and at most %d", test.tied, len(p.layers), n,
				test.layers, test.kept)
		}
	}
}

// equalNet is two Gemm layers whose biases an exporter found equal and stored
// once, the second behind an Identity. The bias is an output of the network too.
func equalNet(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Weight(t, "w1", onnx.Float32, seed, 4, 4)
	b.Weight(t, "w2", onnx.Float32, seed+50, 4, 4)
	b.Weight(t, "b", onnx.Float32, seed+70, 4)
	b.Node("Gemm", "h", []string{"x", "w1", "b"})
	b.Node("Identity", "same", []string{"b"})
	b.Node("Gemm", "y", []string{"h", "w2", "same"})
	b.Out("y")
	b.Node("Identity", "shown", []string{"b"})
	b.Out("shown")
	return b.Model(t)
}

// TestEqualBiasesArePartedInEveryParent gives layers that share a bias in all
// parents biases of their own, for their gates differ; who else reads the bias
// keeps what the base has.
func TestEqualBiasesArePartedInEveryParent(t *testing.T) {
	models := []*onnx.Model{equalNet(t, 1), equalNet(t, 2)}
	p := planOf(t, models, ByLayer)
	if len(p.layers) != 2 {
		t.Fatalf("%d layers, want 2", len(p.layers))
	}
	back := wantSameLogits(t, p, Coefficients{numbers: numbersOf(p, []float64{0.25, 0.75}, []float64{0.5, 0.5})},
		gatetest.Samples(3, 8, 4), 1e-5)
	want := gatetest.Must(models[0].Tensor(models[0].Proto().GetGraph().GetInitializer()[2]).Floats(nil))(t)
	for _, x := range back.Proto().GetGraph().GetInitializer() {
		if x.GetName() == "b" && !slices.Equal(gatetest.Must(back.Tensor(x).Floats(nil))(t), want) {
			t.Error("the shared bias, which is an output too, was overwritten")
		}
	}
}

// TestPartedNamesDoNotClash merges into a base that has tensors and values of the
// names that parted tensors would get.
func TestPartedNamesDoNotClash(t *testing.T) {
	clashing := func() *onnx.Model {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		b.Weight(t, "w1", onnx.Float32, 1, 4, 4)
		b.Weight(t, "h.weight.softmerge", onnx.Float32, 1, 4, 4)
		b.Node("Identity", "same", []string{"w1"})
		b.Node("Gemm", "h", []string{"x", "w1"})
		b.Node("Gemm", "h.weight.softmerge2", []string{"h", "same"})
		b.Node("Gemm", "y", []string{"h.weight.softmerge2", "h.weight.softmerge"})
		b.Out("y")
		return b.Model(t)
	}
	apart := func(seed uint64) *onnx.Model {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		in := "x"
		for _, n := range []string{"h", "i", "y"} {
			b.Weight(t, n+"w", onnx.Float32, seed+uint64(n[0]), 4, 4)
			b.Node("Gemm", n, []string{in, n + "w"})
			in = n
		}
		b.Out("y")
		return b.Model(t)
	}
	models := []*onnx.Model{clashing(), apart(3)}
	p := planOf(t, models, ByLayer)
	coeffs := randomCoefficients(p, 4)
	first := gatetest.Bytes(t, wantSameLogits(t, p, coeffs, gatetest.Samples(3, 8, 4), 1e-5))
	if second := gatetest.Bytes(t, gatetest.Must(p.Bake(coeffs))(t)); !slices.Equal(first, second) {
		t.Error("baking twice gives other bytes")
	}
	names := map[string]bool{}
	for _, x := range gatetest.Must(p.Bake(coeffs))(t).Proto().GetGraph().GetInitializer() {
		if names[x.GetName()] {
			t.Errorf("two initializers are called %q", x.GetName())
		}
		names[x.GetName()] = true
	}
}

// sharedNet has two layers with weights of one shape. Where they are equal the
// exporter stored one, and the second layer reads it behind an Identity.
func sharedNet(t *testing.T, shared bool, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Weight(t, "w1", onnx.Float32, seed, 4, 4)
	second := "w2"
	if shared {
		b.Node("Identity", "same", []string{"w1"})
		second = "same"
	} else {
		b.Weight(t, "w2", onnx.Float32, seed+50, 4, 4)
	}
	b.Node("Gemm", "h", []string{"x", "w1"})
	b.Node("Tanh", "r", []string{"h"})
	b.Node("Gemm", "y", []string{"r", second})
	b.Out("y")
	return b.Model(t)
}

// TestSharedTensorIsParted merges into a base where two layers read one
// initializer, with parents where each has its own: the layers become different,
// so the file needs two.
func TestSharedTensorIsParted(t *testing.T) {
	models := []*onnx.Model{sharedNet(t, true, 1), sharedNet(t, false, 2), sharedNet(t, false, 3)}
	p := planOf(t, models, ByLayer)
	if len(p.groups) != 2 {
		t.Fatalf("%d groups, want one for each of the two layers", len(p.groups))
	}
	coeffs := Coefficients{numbers: numbersOf(p, []float64{0.2, 0.5, 0.3}, []float64{0.6, 0, 0.4})}
	back := wantSameLogits(t, p, coeffs, gatetest.Samples(3, 8, 4), 1e-5)
	if n := len(back.Proto().GetGraph().GetInitializer()); n < 2 {
		t.Errorf("%d initializers, want at least 2", n)
	}
	again := gatetest.Written(t, gatetest.Must(planOf(t, append([]*onnx.Model{back}, models[1:]...),
		ByLayer).Bake(coeffs))(t))
	wantFinite(t, ungated(t, again, gatetest.Samples(3, 8, 4)))
}

// TestSharedTensorStaysWithUnselectedLayers leaves the layer that is not
// selected what it read, bit for bit.
func TestSharedTensorStaysWithUnselectedLayers(t *testing.T) {
	models := []*onnx.Model{sharedNet(t, true, 1), sharedNet(t, false, 2)}
	s := gatetest.Select(t, models)
	s.Layers = s.Layers[:1]
	p := gatetest.Must(NewPlan(gatetest.Must(LoadWeights(s))(t), ByLayer))(t)
	back := wantSameLogits(t, p, Coefficients{numbers: numbersOf(p, []float64{0.5, 0.5})}, gatetest.Samples(3, 8, 4), 1e-5)
	a := gatetest.Must(graphmatch.Align([]*onnx.Model{models[0], back}, 0))(t)
	if a.Layers[0].Status == graphmatch.Identical || a.Layers[1].Status != graphmatch.Identical {
		t.Errorf("layers are %s and %s, want the first changed alone", a.Layers[0].Status, a.Layers[1].Status)
	}
}

// tiedNet reads one weight in two layers in every parent: as it is and transposed.
func tiedNet(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Weight(t, "w", onnx.Float32, seed, 4, 6)
	b.Node("MatMul", "h", []string{"x", "w"})
	b.Node("Tanh", "r", []string{"h"})
	b.Node("Gemm", "y", []string{"r", "w"}, gatetest.Int("transB", 1))
	b.Out("y")
	return b.Model(t)
}

// TestTiedWeightsStayTied keeps one tensor for a weight that every parent ties.
func TestTiedWeightsStayTied(t *testing.T) {
	models := []*onnx.Model{tiedNet(t, 1), tiedNet(t, 2), tiedNet(t, 3)}
	p := planOf(t, models, ByLayer)
	back := wantSameLogits(t, p, randomCoefficients(p, 4), gatetest.Samples(3, 8, 4), 1e-5)
	if n := len(back.Proto().GetGraph().GetInitializer()); n != 1 || len(p.groups) != 1 {
		t.Errorf("%d initializers and %d groups, want one of each", n, len(p.groups))
	}
}
