package search

import (
	"maps"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// TestTrialsDoNotTouchEachOther runs all trials in their order and in the reverse one, with
// a parent that screening finds harmful: each gives the same mixture of the same score.
func TestTrialsDoNotTouchEachOther(t *testing.T) {
	models := gatetest.Open(t, "cnn_bn/ft0.onnx", "broken/scaled.onnx", "cnn_bn/ft2.onnx")
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(160)
	run := func(reverse bool) map[string]Candidate {
		o := Options{Learn: gating.LearnOptions{MaxSteps: 3, Seed: 1}, Threads: 2, Folds: 1}
		m := gatetest.Must(newSearch(t.Context(), gatetest.Select(t, models), d, o))(t)
		defer m.learn.Close()
		if err := m.scoreParents(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.enter(t.Context(), m.fold, 0); err != nil {
			t.Fatal(err)
		}
		list := m.trials(m.circumstances())
		if reverse {
			slices.Reverse(list)
		}
		for _, trial := range list {
			if err := m.try(t.Context(), trial); err != nil {
				t.Fatal(err)
			}
		}
		m.join()
		found := map[string]Candidate{}
		for _, c := range m.candidates {
			found[c.Name] = c
		}
		return found
	}
	there, back := run(false), run(true)
	if len(there) != 12 || len(back) != 12 {
		t.Fatalf("%d and %d candidates, want 12", len(there), len(back))
	}
	excluded := 0
	for name, want := range there {
		got := back[name]
		if !got.Score.Equal(want.Score) || !same(got.Mixture, want.Mixture) {
			t.Errorf("%s: %+v in reverse order, %+v else", name, got.Score, want.Score)
		}
		for g := range want.Mixture.Plan().Groups() {
			if !want.Mixture.Plan().Excluded(g, 1) {
				continue
			}
			excluded++
			if want.Trial.Method != gating.Soft {
				t.Errorf("%s: a parent is excluded though nothing was screened", name)
			}
		}
	}
	if excluded == 0 {
		t.Error("nothing was excluded, so the test says little")
	}
}

// same says whether two mixtures have the same coefficients.
func same(a, b *gating.Mixture) bool {
	if a.Coefficients().Groups() != b.Coefficients().Groups() {
		return false
	}
	for g := range a.Coefficients().Groups() {
		if !slices.EqualFunc(a.Coefficients().ByParent(g), b.Coefficients().ByParent(g), slices.Equal) {
			return false
		}
	}
	return true
}

// TestGatesAreLearnedOnce: rounding and recalibrating gates takes those that were learned before, in every
// fold, and of all data only the chosen ones are learned.
func TestGatesAreLearnedOnce(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 2)...)
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(160)
	steps := map[int]map[gating.Granularity]int{0: {}, 1: {}, 2: {}}
	o := Options{Method: gating.Soft, Folds: 2, Learn: gating.LearnOptions{MaxSteps: 3}, Threads: 2}
	o.Progress = func(e Event) {
		if e.Stage == "learn" {
			steps[e.Fold][e.Granularity]++
		}
	}
	r := gatetest.Must(Merge(t.Context(), gatetest.Select(t, models), d, o))(t)
	for fold := 1; fold <= 2; fold++ {
		if steps[fold][gating.ByLayer] != 3 || steps[fold][gating.ByChannel] != 3 {
			t.Errorf("fold %d: steps %v, want 3 of each granularity", fold, steps[fold])
		}
	}
	want := map[gating.Granularity]int{}
	if r.Gained() && r.Chosen.Trial.Method == gating.Soft {
		want[r.Chosen.Trial.Granularity] = 3
	}
	if !maps.Equal(steps[0], want) || r.Steps != 12+len(want)*3 {
		t.Errorf("steps on all data %v of %d for %s", steps[0], r.Steps, r.Chosen.Name)
	}
}
