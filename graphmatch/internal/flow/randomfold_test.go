package flow_test

import (
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// randomNormed draws a layer of any kind and size; what it returns can be built with a normalisation and without.
func randomNormed(g *random.Generator) normedLayer {
	in, out, group, axes := 1+g.IntN(3), 1+g.IntN(4), 1+g.IntN(2), 1+g.IntN(3)
	x, kernel := []int64{2, int64(in)}, []int{}
	for range axes {
		x, kernel = append(x, 4), append(kernel, 1+g.IntN(3))
	}
	conv := func(op string, group int, shape ...int) func(d *graphtest.Builder, bias bool) string {
		return func(d *graphtest.Builder, bias bool) string {
			w := d.Weight("w", append(shape, kernel...)...)
			return d.Node("y", op, weights(d, bias, d.Shaped("x", x...), w, out), "group", group)
		}
	}
	linear := func(transposed int) func(d *graphtest.Builder, bias bool) string {
		return func(d *graphtest.Builder, bias bool) string {
			shape := []int{in, out}
			if transposed == 1 {
				shape = []int{out, in}
			}
			inputs := weights(d, bias, d.Shaped("x", 3, int64(in)), d.Weight("w", shape...), out)
			return d.Node("y", "Gemm", inputs, "transB", transposed)
		}
	}
	bias := g.IntN(2) == 0
	switch g.IntN(5) {
	case 0:
		return normedLayer{conv("Conv", 1, out, in), bias, out}
	case 1:
		x[1], out = int64(in*group), out*group
		return normedLayer{conv("Conv", group, out, in), bias, out}
	case 2:
		return normedLayer{conv("ConvTranspose", 1, in, out), bias, out}
	}
	return normedLayer{linear(g.IntN(2)), bias, out}
}

// Layers of any kind, size and number of groups compute with the folded weight and bias what they and the
// normalisation do.
func TestRandomFoldsComputeTheSame(t *testing.T) {
	for seed := range uint64(150) {
		n := randomNormed(random.New(seed, 32))
		m := n.build(t, true)
		v := read(t, m)
		u := v.Units[0]
		norm := u.NormBehind()
		if norm == nil {
			t.Fatalf("seed %d: no normalisation behind %s", seed, u.Op)
		}
		if why := v.Obstacle(u, norm, func(*flow.Value) int { return 2 }); why != "" {
			t.Fatalf("seed %d: %s", seed, why)
		}
		plain := n.build(t, false)
		moved, err := plain.With(foldedEdits(t, m, u.Folded(norm), plain)...)
		if err != nil {
			t.Fatal(err)
		}
		x, y := graphtest.Outputs(t, m)[0], graphtest.Outputs(t, moved)[0]
		want := make([]float64, len(x.F))
		for i, value := range x.F {
			want[i] = float64(value)
		}
		compare(t, y.F, want)
	}
}

// A normalisation that is not certain to follow a layer's outputs alone is not folded into it.
func TestNormalisationsThatAreNotFolded(t *testing.T) {
	norm := func(d *graphtest.Builder, x string, width int, attributes ...any) string {
		in := []string{x, d.Weight("s", width), d.Weight("t", width), d.Weight("m", width), d.Weight("v", width)}
		return d.Node("norm", "BatchNormalization", in, attributes...)
	}
	conv := func(d *graphtest.Builder, attributes ...any) string {
		return d.Node("conv", "Conv", []string{d.Shaped("x", 1, 4, 3, 3), d.Weight("w", 4, 4, 1, 1)}, attributes...)
	}
	matMul := func(d *graphtest.Builder) string {
		return d.Node("fc", "MatMul", []string{d.Shaped("x", 2, 4, 3), d.Weight("w", 3, 4)})
	}
	for name, test := range map[string]struct {
		build  func(d *graphtest.Builder)
		rank   int
		behind bool // the normalisation is found behind the layer
		folds  bool
	}{
		"plain": {func(d *graphtest.Builder) { d.Output(norm(d, conv(d), 4)) }, 4, true, true},
		"behind Relu": {func(d *graphtest.Builder) {
			d.Output(norm(d, d.Node("r", "Relu", []string{conv(d)}), 4))
		}, 4, false, false},
		"through a Cast": {func(d *graphtest.Builder) {
			d.Output(norm(d, d.Node("c", "Cast", []string{conv(d)}, "to", int(onnx.Float16)), 4))
		}, 4, true, false},
		"two readers": {func(d *graphtest.Builder) {
			y := conv(d)
			d.Output(norm(d, y, 4))
			d.Output(d.Node("r", "Relu", []string{y}))
		}, 4, true, false},
		"a matrix product": {func(d *graphtest.Builder) { d.Output(norm(d, matMul(d), 4)) }, 2, true, true},
		"rows of rows":     {func(d *graphtest.Builder) { d.Output(norm(d, matMul(d), 4)) }, 3, true, false},
		"unknown rank":     {func(d *graphtest.Builder) { d.Output(norm(d, matMul(d), 4)) }, -1, true, false},
		"negative epsilon": {func(d *graphtest.Builder) {
			d.Output(norm(d, conv(d), 4, "epsilon", float32(-1)))
		}, 4, true, false},
		"half an epsilon": {func(d *graphtest.Builder) {
			d.Output(norm(d, conv(d), 4, "epsilon", float32(0.5)))
		}, 4, true, true},
		"a scaled Gemm": {func(d *graphtest.Builder) {
			y := d.Node("fc", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4)}, "alpha", float32(2))
			d.Output(norm(d, y, 4))
		}, 2, true, false},
		"a scaled bias": {func(d *graphtest.Builder) {
			in := []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4), d.Weight("b", 4)}
			d.Output(norm(d, d.Node("fc", "Gemm", in, "beta", float32(0.5)), 4))
		}, 2, true, false},
		"training": {func(d *graphtest.Builder) { d.Output(norm(d, conv(d), 4, "training_mode", 1)) }, 4, true, false},
		"statistics of an old opset": {func(d *graphtest.Builder) {
			d.Model.OpsetImport[0].Version = new(int64(9))
			d.Output(norm(d, conv(d), 4))
			n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
			n.Output = append(n.Output, "mean", "var")
		}, 4, true, false},
	} {
		d := graphtest.New(t, 1)
		test.build(d)
		v := read(t, d.Load())
		got := v.Units[0].NormBehind()
		if (got != nil) != test.behind {
			t.Errorf("%s: found behind the layer: %v", name, got != nil)
		} else if got != nil {
			why := v.Obstacle(v.Units[0], got, func(*flow.Value) int { return test.rank })
			if (why == "") != test.folds {
				t.Errorf("%s: folds %v: %q", name, test.folds, why)
			}
		}
	}
}
