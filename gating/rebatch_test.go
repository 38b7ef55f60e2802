package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// TestFixedBatchIsRaised runs a network that was exported for one sample at a
// time on many: one run at a time took four times as long.
func TestFixedBatchIsRaised(t *testing.T) {
	m := gatetest.Open(t, "cnn_fixed/ft0.onnx")[0]
	if n := fixedBatch(m); n != 1 {
		t.Fatalf("the fixture's batch size is %d, want 1", n)
	}
	e := unlabelled(gatetest.Data(t, "val.npz", Fields(m)), m.Proto().GetGraph().GetOutput()[0].GetName(), 64)
	f := gatetest.Must(e.forward(m, nil, 64))(t)
	if f.fixed || f.batch != 64 {
		t.Errorf("batch %d, fixed %v: want 64 samples a run", f.batch, f.fixed)
	}
}

// windowNet is for exactly batch samples [4] and has shapes with that number in
// them: it turns pairs of each sample around and weighs them against each other.
func windowNet(t *testing.T, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", batch, 4)
	b.Weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.Weight(t, "w2", onnx.Float32, seed+200, 6, 3)
	for name, shape := range map[string][]int64{"pairs": {2 * batch, 1, 3}, "whole": {batch, -1}} {
		b.Ints(t, name, shape...)
	}
	b.Node("MatMul", "h", []string{"x", "w1"})
	b.Node("Reshape", "p", []string{"h", "pairs"})
	b.Node("Softmax", "s", []string{"p"})
	b.Node("Reshape", "r", []string{"s", "whole"})
	b.Node("MatMul", "y", []string{"r", "w2"})
	b.Out("y")
	return b.Model(t)
}

// TestWrittenShapesGrowWithTheBatch: a network exported for a fixed batch size,
// with that number in the shapes of its Reshapes, computes and learns on as many
// whole batches at once as fit, what it does on one.
func TestWrittenShapesGrowWithTheBatch(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(5, 13, 4), 3)
	for _, batch := range []int64{1, 2} {
		models := []*onnx.Model{windowNet(t, batch, 1), windowNet(t, batch, 2)}
		c := newLearnCase(t, models, d, ByLayer)
		wide := gatetest.Must(c.evaluator(t).forward(c.plan.base(), c.plan, 7))(t)
		if want := 7 / int(batch) * int(batch); !wide.fixed || wide.batch != want || wide.sizes[0] != want {
			t.Fatalf("batch %d: %d samples a run, fixed %v, want exactly %d", batch, wide.batch, wide.fixed, want)
		}
		narrow := gatetest.Must(c.evaluator(t).forward(c.plan.base(), c.plan, int(batch)))(t)
		coeffs := Coefficients{numbers: numbersOf(c.plan, []float64{0.3, 0.7}, []float64{0.6, 0.4})}
		got, err := wide.score(t.Context(), coeffs)
		if err != nil {
			t.Fatal(err)
		}
		want, err := narrow.score(t.Context(), coeffs)
		if err != nil || math.Abs(got.Loss-want.Loss) > 1e-6 || got.Metric != want.Metric {
			t.Errorf("batch %d: %+v at once, %+v one by one: %v", batch, got, want, err)
		}
	}
}

// TestMixedSamplesKeepTheirBatch keeps the exported batch size where samples of a
// batch depend on each other: here each is divided by the batch's mean.
func TestMixedSamplesKeepTheirBatch(t *testing.T) {
	m := gatetest.Open(t, "cnn_fixed/ft0.onnx")[0]
	in := Fields(m)[0]
	b := gatetest.NewBuilder()
	b.In(in.Name, 1, int64(in.Shape[1]), int64(in.Shape[2]), int64(in.Shape[3]))
	b.Node("ReduceMean", "mean", []string{in.Name})
	b.Node("Sub", "y", []string{in.Name, "mean"})
	b.Out("y")
	mixing := b.Model(t)
	f := gatetest.Must(unlabelled(gatetest.Data(t, "val.npz", Fields(m)), "y", 64).forward(mixing, nil, 64))(t)
	if !f.fixed || f.batch != 1 {
		t.Errorf("batch %d, fixed %v: want one sample a run", f.batch, f.fixed)
	}
}
