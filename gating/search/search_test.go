package search

import (
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
		o := Options{Learn: gating.LearnOptions{MaxSteps: 3, Seed: 1}, Threads: 2}
		m := gatetest.Must(newSearch(gatetest.Select(t, models), d, o))(t)
		defer m.learn.Close()
		if err := m.scoreParents(t.Context()); err != nil {
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
		found := map[string]Candidate{}
		for _, c := range m.candidates[len(models):] {
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

// TestGatesAreLearnedOnce: rounding and recalibrating gates takes those that were learned before.
func TestGatesAreLearnedOnce(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 2)...)
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(160)
	steps := map[gating.Granularity]int{}
	o := Options{Learn: gating.LearnOptions{MaxSteps: 3}, Threads: 2, Progress: func(e Event) {
		if e.Stage == "learn" {
			steps[e.Granularity]++
		}
	}}
	r := gatetest.Must(Merge(t.Context(), gatetest.Select(t, models), d, o))(t)
	if steps[gating.ByLayer] != 3 || steps[gating.ByChannel] != 3 || r.Steps != 6 {
		t.Errorf("steps %v, %d in all: want 3 of each granularity", steps, r.Steps)
	}
}
