package gating

import (
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// TestReorderedParentMustComputeTheSame: an order that changes the outputs is refused before it is used.
func TestReorderedParentMustComputeTheSame(t *testing.T) {
	models := gatetest.Open(t, "cnn/seed0.onnx", "cnn/seed1.onnx")
	before := gatetest.Select(t, models).Alignment
	e := unlabelled(gatetest.Data(t, "val.npz", Fields(models[0])).Head(compareSamples), "logits", compareSamples)
	check := func(other *onnx.Model) error {
		after := gatetest.Select(t, []*onnx.Model{models[0], other}).Alignment
		return e.sameOutputs(t.Context(), before, after)
	}
	if err := check(gatetest.Must(models[1].With())(t)); err != nil {
		t.Error(err)
	}
	first := models[1].Proto().GetGraph().GetInitializer()[0]
	broken := gatetest.Must(models[1].With(onnx.SetValues(first, reversed(models[1]))))(t)
	if err := check(broken); !errors.Is(err, graphmatch.ErrAlign) {
		t.Errorf("a model that computes something else: %v", err)
	}
}

// reversed gives a model's first initializer in reverse order.
func reversed(m *onnx.Model) onnx.Source {
	return func() ([]float64, error) {
		v, err := m.Tensor(m.Proto().GetGraph().GetInitializer()[0]).Doubles(nil)
		slices.Reverse(v)
		return v, err
	}
}

// TestAlignUnits brings two trainings closer together, by either way, without changing
// what the parents compute; the parents as they were are kept.
func TestAlignUnits(t *testing.T) {
	models := gatetest.Open(t, "cnn/seed0.onnx", "cnn/seed1.onnx")
	s := gatetest.Select(t, models)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(128)
	e := evaluatorOf(t, d, objectiveOf(t, models[0], d), 64)
	for _, by := range []Permutation{PermuteWeights, PermuteActivations} {
		u := gatetest.Must(AlignUnits(t.Context(), s, e, UnitOptions{By: by, Seed: 1}))(t)
		if u.By != by || len(u.Orders[1]) == 0 || len(u.Orders[0]) != 0 || u.After[1] <= u.Before[1] {
			t.Errorf("%s: by %s, cosine %v, reordered %v, %d and %d orders", by, u.By, u.Before, u.After,
				len(u.Orders[0]), len(u.Orders[1]))
		}
		if !slices.Equal(u.Parents, models) || u.Selection.Alignment.Models[1] == models[1] ||
			len(u.Selection.Layers) != len(s.Layers) {
			t.Errorf("%s: parents and layers", by)
		}
		moved := u.Selection.Alignment.Models[1]
		if got, want := ungated(t, moved, d), ungated(t, models[1], d); !within(got, want, 1e-4) {
			t.Errorf("%s: the reordered parent computes something else", by)
		}
	}
	for _, o := range []UnitOptions{{}, {By: PermuteNone}} {
		u := gatetest.Must(AlignUnits(t.Context(), s, nil, o))(t)
		if u.By != PermuteNone || u.Selection != s || u.Orders != nil || !slices.Equal(u.Parents, models) {
			t.Errorf("%+v: %+v", o, u)
		}
	}
}
