package gating

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// TestGatesStartWhereWanted: without noise the gates of a start give the coefficients of the place.
func TestGatesStartWhereWanted(t *testing.T) {
	p := planOf(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...), ByChannel)
	in := []bool{true, true, true}
	for _, way := range []float64{1, 0.5, 0.25} {
		for _, combine := range []Combine{Convex, Sum} {
			want := p.towardsAverage(1, way, in).groups
			got := p.Coefficients(p.startAt(1, way, in, combine), combine).groups
			for g := range want {
				for i := range want[g] {
					if math.Abs(got[g][i]-want[g][i]) > 1e-9 && want[g][i] <= mostOpen {
						t.Errorf("%s, way %g: coefficient %g, want %g", combine, way, got[g][i], want[g][i])
					}
				}
			}
		}
	}
}

// TestStartWithAllExcluded: where every parent that is in has no finite weights, the start is finite all the same.
func TestStartWithAllExcluded(t *testing.T) {
	p := excluding(planOf(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...), ByLayer), 0, 0, 1)
	for _, combine := range []Combine{Convex, Sum} {
		start := p.startAt(0, 0.5, []bool{true, true, false}, combine)
		c := p.Coefficients(start, combine).groups[0]
		if !onnx.AllFinite(start.groups[0]) || c[0] != 0 || c[1] != 0 || !onnx.AllFinite(c) {
			t.Errorf("%s: start %v, coefficients %v", combine, start.groups[0], c)
		}
	}
}

// TestLogAlphaOf inverts the gate.
func TestLogAlphaOf(t *testing.T) {
	for z := 0.0; z <= mostOpen; z += 0.05 {
		if got := Gate(logAlphaOf(z)); math.Abs(got-z) > 1e-12 {
			t.Errorf("gate of log a of %g is %g", z, got)
		}
	}
}

// TestWarmStartTakesTheLeastLoss looks at each place alone and at all together: the
// place taken, its loss and its repairs are those of the best alone. A suspect takes no
// part in it, and its gates start nearly closed.
func TestWarmStartTakesTheLeastLoss(t *testing.T) {
	c := newStartCase(t, ByLayer, "cnn/seed0.onnx", "cnn/seed1.onnx", "cnn/seed2.onnx")
	c.losses = []float64{c.losses[0], c.losses[1], math.Inf(1)}
	r := NewRepairer(c.e)
	at := func(ways ...float64) *WarmStart {
		o := WarmStartOptions{From: 1, Ways: ways}
		return gatetest.Must(NewWarmStart(t.Context(), c.p, c.e, r, c.losses, o))(t)
	}
	ways := []float64{1, 0.5, 0.25}
	best := at(ways[0])
	for _, way := range ways[1:] {
		if alone := at(way); alone.Loss < best.Loss {
			best = alone
		}
	}
	got := at(ways...)
	if got.From != 1 || got.Way != best.Way || got.Loss != best.Loss || !got.Plan.Repaired() || c.p.Repaired() {
		t.Errorf("from %d, way %g at loss %g, want way %g at %g", got.From, got.Way, got.Loss, best.Way, best.Loss)
	}
	start := gatetest.Must(got.Start(t.Context(), c.e, Convex, InitLosses))(t)
	if start.Plan != got.Plan {
		t.Error("the start is not of the repaired plan")
	}
	in := []bool{true, true, false}
	if want := c.p.startAt(1, got.Way, in, Convex); !equalNumbers(start.LogAlpha.numbers, want.numbers) {
		t.Errorf("starts at %v, want %v", start.LogAlpha.groups[0], want.groups[0])
	}
	for g := range start.LogAlpha.groups {
		if row := start.LogAlpha.of(g, 2); !slices.Equal(row, slices.Repeat([]float64{closedStart}, len(row))) {
			t.Errorf("the suspect's gates of group %d start at %v", g, row)
		}
	}
}

// TestWarmStartOptions refuses parents that there are not, and nowhere to look.
func TestWarmStartOptions(t *testing.T) {
	c := newStartCase(t, ByLayer, "mlp/ft0.onnx", "mlp/ft1.onnx")
	for _, o := range []WarmStartOptions{{From: 0}, {From: 2, Ways: []float64{1}}, {From: -1, Ways: []float64{1}}} {
		if _, err := NewWarmStart(t.Context(), c.p, c.e, NewRepairer(c.e), c.losses, o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
