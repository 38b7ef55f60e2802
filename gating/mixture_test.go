package gating

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// mixtureCase is an average of a family's fine-tunes, and data to measure on.
func mixtureCase(t *testing.T, family string) (*Mixture, *Evaluator) {
	t.Helper()
	models := gatetest.Open(t, gatetest.FineTunes(family, 2)...)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(128)
	p := planOf(t, models, ByLayer)
	return NewMixture(p, p.Average(nil)), evaluatorOf(t, d, objectiveOf(t, models[0], d), 64)
}

// TestNothingToRecalibrate: without normalisations, or where one sample is taken at a
// time, a mixture is what it was.
func TestNothingToRecalibrate(t *testing.T) {
	for _, family := range []string{"mlp", "cnn", "cnn_fixed"} {
		m, e := mixtureCase(t, family)
		if again := gatetest.Must(m.Recalibrate(t.Context(), e))(t); again != m || again.Recalibrated() ||
			again.Statistics() != nil {
			t.Errorf("%s: another mixture", family)
		}
	}
	var models []*onnx.Model
	for seed := range uint64(2) {
		b := gatetest.NewBuilder()
		b.In("x", 1, 3)
		for i, name := range []string{"scale", "shift", "mean", "var"} {
			b.Tensor(t, name, onnx.Float32, []float64{1, 2, float64(seed) + float64(i) + 1}, 3)
		}
		b.Node("BatchNormalization", "y", []string{"x", "scale", "shift", "mean", "var"})
		b.Out("y")
		models = append(models, b.Model(t))
	}
	p := planOf(t, models, ByLayer)
	m := NewMixture(p, p.Average(nil))
	if n := len(normNodes(models[0])); n != 1 {
		t.Fatalf("%d normalisations, want 1", n)
	}
	e := evaluatorOf(t, gatetest.Labelled(gatetest.Samples(1, 8, 3), 3), reading("y"), 8)
	if again := gatetest.Must(m.Recalibrate(t.Context(), e))(t); again != m {
		t.Error("statistics of one sample at a time were measured")
	}
}

// TestRecalibrate makes another mixture, of the same plan and coefficients, whose file
// has the statistics that were measured; the first mixture stays as it is.
func TestRecalibrate(t *testing.T) {
	m, e := mixtureCase(t, "cnn_bn")
	before := gatetest.Bytes(t, gatetest.Must(m.Bake())(t))
	again := gatetest.Must(m.Recalibrate(t.Context(), e))(t)
	if m.Recalibrated() || !again.Recalibrated() || again.Plan() != m.Plan() ||
		!bytes.Equal(before, gatetest.Bytes(t, gatetest.Must(m.Bake())(t))) {
		t.Error("the mixture itself was changed")
	}
	if !equalNumbers(again.Coefficients().numbers, m.Coefficients().numbers) {
		t.Error("other coefficients")
	}
	baked := gatetest.Must(again.Bake())(t)
	for i, n := range normNodes(baked) {
		closeAll(t, "mean of "+n.GetName(), tensorValues(t, baked, n.GetInput()[3]), again.Statistics()[i].Mean)
		closeAll(t, "variance of "+n.GetName(), tensorValues(t, baked, n.GetInput()[4]), again.Statistics()[i].Variance)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Recalibrate(ctx, e); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}
