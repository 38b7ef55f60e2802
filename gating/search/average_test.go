package search_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
)

// TestAverageWithoutData is the average of a plan, judged by nothing, with a recipe.
func TestAverageWithoutData(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	s := gatetest.Select(t, models)
	r := gatetest.Must(search.Average(t.Context(), s, search.Options{Method: gating.Greedy}))(t)
	p := gatetest.Must(gating.NewPlan(gatetest.Must(gating.LoadWeights(s))(t), gating.ByLayer))(t)
	want := gatetest.Bytes(t, gatetest.Must(p.Bake(p.Average(nil)))(t))
	if !bytes.Equal(gatetest.Bytes(t, r.Model()), want) {
		t.Error("another model than the plan's average")
	}
	if !r.Gained() || r.Chosen.Name != "uniform" || r.Chosen.Score.Finite() || r.Held != nil || r.Steps != 0 {
		t.Errorf("chosen %s with %+v", r.Chosen.Name, r.Chosen.Score)
	}
	rec := gatetest.Must(r.Recipe())(t)
	again := gatetest.Must(rec.Bake(gatetest.Must(graphmatch.Align(models, rec.Base))(t)))(t)
	if rec.Method != gating.Uniform || !bytes.Equal(gatetest.Bytes(t, again), want) {
		t.Errorf("the recipe, by %s, bakes other bytes", rec.Method)
	}
	if err := r.Verify(t.Context(), gatetest.Written(t, r.Model())); err != nil {
		t.Error(err)
	}
	rep := gatetest.Must(r.Report())(t)
	if c := rep.ChosenCandidate(); c.Loss != nil || c.Metric != nil || rep.HeldOut != 0 || rep.Metric != "" ||
		rep.LossName != "" {
		t.Errorf("the report has figures of nothing: %+v", c)
	}
}

// TestAverageReordersSeeds by their weights, unasked and asked, but not by activations, of which there are none.
func TestAverageReordersSeeds(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, "mlp/seed0.onnx", "mlp/seed1.onnx"))
	for _, c := range []struct{ how, want gating.Permutation }{
		{search.PermuteAuto, gating.PermuteWeights}, {gating.PermuteWeights,
			gating.PermuteWeights}, {gating.PermuteNone, gating.PermuteNone},
	} {
		if r := gatetest.Must(search.Average(t.Context(), s, search.Options{Permute: c.how, Anyway: true}))(t); r.Units.By != c.want {
			t.Errorf("%s: reordered by %s", c.how, r.Units.By)
		}
	}
	_, err := search.Average(t.Context(), s, search.Options{Permute: gating.PermuteActivations})
	if !errors.Is(err, dataset.ErrData) {
		t.Errorf("by activations: %v", err)
	}
}
