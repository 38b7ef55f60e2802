package gating

import (
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/objective"
)

// wantRefused fails unless the error is of kind ErrOption and names what is wrong.
func wantRefused(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, ErrOption) {
		t.Errorf("%s: %v, want an error of kind ErrOption", what, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

// TestLearnOptions: zero values are the documented defaults, everything else is taken as
// it is, and what is out of range or unknown is refused.
func TestLearnOptions(t *testing.T) {
	got := gatetest.Must(LearnOptions{}.Validate())(t)
	if got.Epochs != 30 || got.MaxSteps != 400 || got.BatchSize != 64 || got.Rate != 0.1 || *got.L0 != 0.01 ||
		got.Combine != Convex || got.Seed != 0 || got.Progress != nil {
		t.Errorf("defaults %+v, l0 %v", got, *got.L0)
	}
	given := LearnOptions{Epochs: 1, MaxSteps: 2, BatchSize: 3, Rate: 4, L0: new(0.0), Combine: Sum, Seed: 5}
	if got := gatetest.Must(given.Validate())(t); !reflect.DeepEqual(got, given) || *got.L0 != 0 {
		t.Errorf("%+v became %+v", given, got)
	}
	if got := gatetest.Must(LearnOptions{L0: new(0.5)}.Validate())(t); *got.L0 != 0.5 {
		t.Errorf("l0 0.5 became %v", *got.L0)
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		o    LearnOptions
		word string
	}{
		{LearnOptions{Epochs: -1}, "-1 epochs"}, {LearnOptions{MaxSteps: -2}, "-2 steps"},
		{LearnOptions{BatchSize: -3}, "batch size -3"},
		{LearnOptions{Rate: -0.1}, "rate -0.1"}, {LearnOptions{Rate: nan}, "rate NaN"}, {LearnOptions{Rate: inf},
			"rate +Inf"},
		{LearnOptions{L0: new(-0.5)}, "l0 weight -0.5"}, {LearnOptions{L0: &nan}, "NaN"}, {LearnOptions{L0: &inf},
			"+Inf"},
		{LearnOptions{Combine: "product"}, "combine \"product\": want convex or sum"},
	} {
		_, err := c.o.Validate()
		wantRefused(t, c.word, err, c.word)
	}
}

// TestStartOptions as TestLearnOptions.
func TestStartOptions(t *testing.T) {
	if got := gatetest.Must(StartOptions{}.Validate())(t); got != (StartOptions{Init: InitAuto}) {
		t.Errorf("defaults %+v", got)
	}
	for _, how := range []Init{InitAuto, InitLosses, InitOpen} {
		given := StartOptions{Init: how, Seed: 9}
		if got := gatetest.Must(given.Validate())(t); got != given {
			t.Errorf("%+v became %+v", given, got)
		}
	}
	_, err := StartOptions{Init: "closed"}.Validate()
	wantRefused(t, "init closed", err, `init "closed": want auto, losses or open`)
	c := newStartCase(t, ByLayer, "mlp/ft0.onnx", "mlp/ft1.onnx")
	_, err = NewStart(t.Context(), c.p, c.e, c.losses, StartOptions{Init: "closed"})
	wantRefused(t, "NewStart with init closed", err)
}

// TestObjectiveOptions as TestLearnOptions.
func TestObjectiveOptions(t *testing.T) {
	if got := gatetest.Must(ObjectiveOptions{}.Validate())(t); !reflect.DeepEqual(got, ObjectiveOptions{Loss: "auto", Metric: "auto",
		HuberDelta: 1}) {
		t.Errorf("defaults %+v", got)
	}
	for _, loss := range objective.Losses() {
		for _, metric := range objective.Metrics() {
			given := ObjectiveOptions{Loss: loss, Metric: metric, Output: "y", HuberDelta: 2, Ignore: []int64{0}}
			if got := gatetest.Must(given.Validate())(t); !reflect.DeepEqual(got, given) {
				t.Errorf("%+v became %+v", given, got)
			}
		}
	}
	_, err := ObjectiveOptions{Loss: "hinge"}.Validate()
	wantRefused(t, "loss hinge", err, `loss "hinge": want auto, cross_entropy, bce, mse, mae, huber, detection, distill, `+
		`distill_bce, distill_mse, entropy or entropy_bce`)
	_, err = ObjectiveOptions{Metric: "loudness"}.Validate()
	wantRefused(t, "metric loudness", err, `metric "loudness": want auto, accuracy, top5, f1, f1_micro, auc, `+
		"perplexity, miou, mse, rmse, mae, r2, map, map50, agreement or loss")
	for _, delta := range []float64{-1, math.NaN(), math.Inf(1)} {
		_, err = ObjectiveOptions{HuberDelta: delta}.Validate()
		wantRefused(t, "huber delta", err, "huber delta")
	}
	d := gatetest.Labelled(gatetest.Samples(1, 4, 3), 3)
	_, err = FitObjective(ending(t, []int64{3}, "Neg"), d, ObjectiveOptions{Loss: "hinge"})
	wantRefused(t, "FitObjective with loss hinge", err)
}

// TestEvaluatorOptions: 64 samples a run by default, as many threads as GOMAXPROCS.
func TestEvaluatorOptions(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(1, 4, 3), 3)
	obj := objectiveOf(t, ending(t, []int64{3}, "Neg"), d)
	e := gatetest.Must(NewEvaluator(d, obj, EvaluatorOptions{}))(t)
	defer e.Close()
	if e.batch != 64 || e.workers.Threads() != runtime.GOMAXPROCS(0) {
		t.Errorf("%d samples a run on %d threads", e.batch, e.workers.Threads())
	}
	given := onThreads(t, d, obj, 7, 3)
	if given.batch != 7 || given.workers.Threads() != 3 {
		t.Errorf("%d samples a run on %d threads, want 7 and 3", given.batch, given.workers.Threads())
	}
	_, err := NewEvaluator(d, obj, EvaluatorOptions{BatchSize: -1})
	wantRefused(t, "batch size", err, "batch size -1")
	_, err = NewEvaluator(d, obj, EvaluatorOptions{Threads: -2})
	wantRefused(t, "threads", err, "-2 threads")
}

// TestUnitOptions refuses ways to match that there are not, and less than one search.
func TestUnitOptions(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, "mlp/seed0.onnx", "mlp/seed1.onnx"))
	_, err := AlignUnits(t.Context(), s, nil, UnitOptions{By: "colour"})
	wantRefused(t, "by colour", err, `permutation "colour": want none, weights or activations`)
	for _, by := range []Permutation{"", PermuteNone, PermuteWeights} {
		_, err = AlignUnits(t.Context(), s, nil, UnitOptions{By: by, Searches: -1})
		wantRefused(t, "searches", err, "-1 searches")
	}
	if _, err = AlignUnits(t.Context(), s, nil, UnitOptions{By: PermuteActivations}); !errors.Is(err, dataset.ErrData) {
		t.Errorf("activations without data: %v", err)
	}
	orders := func(searches int) [][]UnitOrder {
		o := UnitOptions{By: PermuteWeights, Searches: searches}
		return gatetest.Must(AlignUnits(t.Context(), s, nil, o))(t).Orders
	}
	if byDefault := orders(0); !reflect.DeepEqual(byDefault, orders(3)) || reflect.DeepEqual(byDefault, orders(1)) {
		t.Error("by default not what three searches find, or what one finds")
	}
	if o := gatetest.Must(UnitOptions{}.Validate())(t); o.Searches != 3 || o.By != PermuteNone {
		t.Errorf("by default %+v", o)
	}
	o := UnitOptions{By: PermuteWeights, Seed: 7, Searches: 2}
	if got := gatetest.Must(permuteOptions(t.Context(), s, nil, o))(t); got.Searches != 2 || got.Seed != 7 {
		t.Errorf("2 searches of seed 7 became %+v", got)
	}
}
