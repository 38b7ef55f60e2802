package search

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// TestAscending leaves out what is no number.
func TestAscending(t *testing.T) {
	got := ascending([]float64{3, math.NaN(), 1, math.Inf(1), 2})
	if !slices.Equal(got, []int{2, 4, 0}) {
		t.Errorf("got %v", got)
	}
}

// TestWarmStarts: the better of the best parent's neighbourhood and the average is taken;
// each is looked for once.
func TestWarmStarts(t *testing.T) {
	models := gatetest.Open(t, "cnn/seed0.onnx", "cnn/seed1.onnx")
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(200)
	o := Options{Permute: gating.PermuteActivations, Threads: 2}
	m := gatetest.Must(newSearch(t.Context(), gatetest.Select(t, models), d, o))(t)
	t.Cleanup(m.learn.Close)
	if err := m.scoreParents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.alignUnits(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := gatetest.Must(m.plan(gating.ByLayer))(t)
	at := func(place Place) *gating.WarmStart {
		t.Helper()
		return gatetest.Must(m.warmStart(t.Context(), p, place))(t)
	}
	best := ascending(m.losses)[0]
	first := at(Warm)
	beside, average := m.warm.beside, m.warm.average
	if beside.From != best || average.From != best || average.Way != 1 || beside.Way > 0.5 {
		t.Errorf("beside %d at %g, average from %d at %g", beside.From, beside.Way, average.From, average.Way)
	}
	if first.Loss != min(beside.Loss, average.Loss) || at(Warm) != first || at(BesideBest) != beside {
		t.Errorf("the first place has loss %g, of %g and %g", first.Loss, beside.Loss, average.Loss)
	}
	m.warm = warmStarts{plan: p, average: &gating.WarmStart{Loss: 1}, beside: &gating.WarmStart{Loss: 1}}
	if at(Warm) != m.warm.average || at(BesideBest) != m.warm.beside {
		t.Error("of equal places the average comes first")
	}
	m.warm.average.Loss = 2
	if at(Warm) != m.warm.beside {
		t.Error("the worse place comes first")
	}
}
