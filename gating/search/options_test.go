package search_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
)

// TestOptionsDefaults: zero values are the documented defaults.
func TestOptionsDefaults(t *testing.T) {
	got := gatetest.Must(search.Options{}.Validate())(t)
	l0 := got.Learn.L0
	want := search.Options{
		Method: gating.Auto, Granularity: []gating.Granularity{gating.ByChannel}, Init: gating.InitAuto,
		Objective: gating.ObjectiveOptions{Loss: "auto", Metric: "auto", HuberDelta: 1}, Permute: search.PermuteAuto,
		Unseen: search.UnseenKeep, Rounds: search.DefaultRounds,
		Learn: gating.LearnOptions{Epochs: 30, MaxSteps: 400, BatchSize: 64, Rate: 0.1, L0: l0},
	}
	if !reflect.DeepEqual(got, want) || *l0 != 0.01 {
		t.Errorf("got %+v, l0 %v", got, *l0)
	}
	if again := gatetest.Must(got.Validate())(t); !reflect.DeepEqual(again, got) {
		t.Errorf("validated again %+v, once %+v", again, got)
	}
}

// TestOptionsAreTakenAsGiven where they are known and in range.
func TestOptionsAreTakenAsGiven(t *testing.T) {
	given := search.Options{
		Granularity: []gating.Granularity{gating.ByModel, gating.ByModule,
			gating.ByTensor}, Rounds: 5, Holdout: 0.9, Threads: 3, Unseen: search.UnseenMerge,
		Objective: gating.ObjectiveOptions{Loss: "mse", Metric: "mae", Output: "y", HuberDelta: 1},
		Learn: gating.LearnOptions{Epochs: 1, MaxSteps: 2, BatchSize: 3, Rate: 4, L0: new(0.0),
			Combine: gating.Sum, Seed: 5},
	}
	for _, method := range []gating.Method{gating.Soft, gating.Greedy, gating.Uniform} {
		for _, how := range []gating.Init{gating.InitAuto, gating.InitLosses, gating.InitOpen} {
			for _, by := range []gating.Permutation{
				search.PermuteAuto, gating.PermuteNone, gating.PermuteWeights, gating.PermuteActivations,
			} {
				given.Method, given.Init, given.Permute = method, how, by
				if got := gatetest.Must(given.Validate())(t); !reflect.DeepEqual(got, given) {
					t.Errorf("%+v became %+v", given, got)
				}
			}
		}
	}
}

// TestOptionsRefused: every name that is unknown and every number out of range is an error
// of kind gating.ErrOption that says which, from Merge and Average too.
func TestOptionsRefused(t *testing.T) {
	models := gatetest.Open(t, "mlp/ft0.onnx", "mlp/ft1.onnx")
	s, d := gatetest.Select(t, models), openData(t, models[0], "val.npz").Head(50)
	for _, c := range []struct {
		o    search.Options
		word string
	}{
		{search.Options{Method: "hard"}, `method "hard": want auto, soft, greedy, uniform or finetune`},
		{search.Options{Granularity: []gating.Granularity{gating.ByLayer, "pixel"}},
			`granularity "pixel": want model, module`},
		{search.Options{Init: "closed"}, `init "closed": want auto, losses or open`},
		{search.Options{Permute: "colour"}, `permutation "colour": want auto, none, weights or activations`},
		{search.Options{Objective: gating.ObjectiveOptions{Loss: "hinge"}}, `loss "hinge"`},
		{search.Options{Objective: gating.ObjectiveOptions{Metric: "loudness"}}, `metric "loudness"`},
		{search.Options{Learn: gating.LearnOptions{Combine: "product"}}, `combine "product"`},
		{search.Options{Learn: gating.LearnOptions{Epochs: -1}}, "-1 epochs"},
		{search.Options{Learn: gating.LearnOptions{MaxSteps: -1}}, "-1 steps"},
		{search.Options{Learn: gating.LearnOptions{BatchSize: -1}}, "batch size -1"},
		{search.Options{Learn: gating.LearnOptions{Rate: -1}}, "rate -1"},
		{search.Options{Learn: gating.LearnOptions{L0: new(-1.0)}}, "l0 weight -1"},
		{search.Options{Rounds: -1}, "-1 rounds"},
		{search.Options{Folds: -1}, "-1 folds"},
		{search.Options{Holdout: 1}, "holdout 1"},
		{search.Options{Holdout: -0.1}, "holdout -0.1"},
		{search.Options{Holdout: math.NaN()}, "holdout NaN"},
		{search.Options{Threads: -1}, "-1 threads"},
	} {
		_, err := c.o.Validate()
		if !errors.Is(err, gating.ErrOption) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%v, want it to say %q", err, c.word)
		}
		if _, err := search.Merge(t.Context(), s, d, c.o); !errors.Is(err, gating.ErrOption) {
			t.Errorf("Merge, %s: %v", c.word, err)
		}
		if c.o.Method != "" {
			continue // an average has but one
		}
		if _, err := search.Average(t.Context(), s, c.o); !errors.Is(err, gating.ErrOption) {
			t.Errorf("Average, %s: %v", c.word, err)
		}
	}
}
