package gating

import (
	"bytes"
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// repairing is parents of different starts whose hidden units are in one order, with
// gates by channel, and a repairer that measures on data.
type repairing struct {
	p *Plan
	e *Evaluator
	r *Repairer
}

func newRepairing(t *testing.T, family string) *repairing {
	t.Helper()
	models := gatetest.Open(t, family+"/seed0.onnx", family+"/seed1.onnx")
	d := gatetest.Data(t, "val.npz", Fields(models[0]))
	e := onThreads(t, d, objectiveOf(t, models[0], d), 64, 2)
	o := UnitOptions{By: PermuteActivations}
	u := gatetest.Must(AlignUnits(t.Context(), gatetest.Select(t, models), e, o))(t)
	p := gatetest.Must(NewPlan(gatetest.Must(LoadWeights(u.Selection))(t), ByChannel))(t)
	return &repairing{p, e, NewRepairer(e)}
}

// TestRepairGivesMoments measures a repaired and baked model by itself: every
// channel must have the mean and the deviation that its parents' have in the
// mixture's proportions.
func TestRepairGivesMoments(t *testing.T) {
	for family, want := range map[string]int{"mlp": 3, "cnn": 4, "cnn_bn": 7, "resnet": 10} {
		t.Run(family, func(t *testing.T) {
			m := newRepairing(t, family)
			c := m.p.towardsAverage(1, 0.6, []bool{true, true})
			q := gatetest.Must(m.r.Repair(t.Context(), m.p, c))(t)
			layers := q.repairables()
			if len(q.repairs) != want || len(layers) != want {
				t.Errorf("%d repairs of %d layers, want %d", len(q.repairs), len(layers), want)
			}
			baked := gatetest.Must(q.Bake(c))(t)
			got := gatetest.Must(m.e.Head(repairSamples).channelMoments(t.Context(), baked, layers, 0))(t)
			for i := range layers {
				wantMoments(t, layers[i].layer.Name, got[i], m.p.wanted(&layers[i], c, m.r.parents, i))
			}
		})
	}
}

// wantMoments compares the channels that vary.
func wantMoments(t *testing.T, layer string, got, want moments) {
	t.Helper()
	for c := range want.mean {
		tol := 1e-3 * (math.Abs(want.mean[c]) + want.deviation[c])
		near := math.Abs(got.mean[c]-want.mean[c]) <= tol && math.Abs(got.deviation[c]-want.deviation[c]) <= tol
		if !near && want.deviation[c] > 1e-6 {
			t.Errorf("layer %s, channel %d: mean %g and deviation %g, want %g and %g", layer, c,
				got.mean[c], got.deviation[c], want.mean[c], want.deviation[c])
		}
	}
}

// TestRepairedNetworkIsWhatIsBaked: what learning sees of a repaired plan is what
// is baked, also where coefficients do not add up to one.
func TestRepairedNetworkIsWhatIsBaked(t *testing.T) {
	for _, family := range []string{"cnn", "cnn_bn"} {
		m := newRepairing(t, family)
		q := gatetest.Must(m.r.Repair(t.Context(), m.p, m.p.towardsAverage(0, 0.5, []bool{true, true})))(t)
		c := randomCoefficients(q, 3)
		for g := range c.groups {
			for i := range c.groups[g] {
				c.groups[g][i] *= 1.3
			}
		}
		d := m.e.Data().Head(32)
		network, baked := logits(t, q.base(), d, q, c), ungated(t, gatetest.Must(q.Bake(c))(t), d)
		if !within(network, baked, 1e-4) {
			t.Errorf("%s: the network computes %v, the baked model %v", family, network[:4], baked[:4])
		}
	}
}

// TestRepairLeavesThePlanAlone: a repaired plan is another one, and repairing that again
// for the same coefficients gives what repairing the first gives.
func TestRepairLeavesThePlanAlone(t *testing.T) {
	m := newRepairing(t, "mlp")
	c := m.p.Average(nil)
	before := gatetest.Bytes(t, gatetest.Must(m.p.Bake(c))(t))
	q := gatetest.Must(m.r.Repair(t.Context(), m.p, c))(t)
	if m.p.Repaired() || !q.Repaired() || !bytes.Equal(before, gatetest.Bytes(t, gatetest.Must(m.p.Bake(c))(t))) {
		t.Error("repairing changed the plan")
	}
	again := gatetest.Must(NewRepairer(m.e).Repair(t.Context(), m.p, c))(t)
	if !bytes.Equal(gatetest.Bytes(t, gatetest.Must(again.Bake(c))(t)),
		gatetest.Bytes(t, gatetest.Must(q.Bake(c))(t))) {
		t.Error("a second repairer gives another repair")
	}
}

// TestGraphOfMoreSamplesGivesNoMoments: a graph for more samples than there are shows those that fill it up too.
func TestGraphOfMoreSamplesGivesNoMoments(t *testing.T) {
	for batch, want := range map[int64]bool{-1: true, 3: true, 4: false} {
		e := unlabelled(gatetest.Samples(1, 3, 3, 4), "y", 3)
		o := gatetest.Must(e.newObserver(hiddenNet(t, batch, 1), []string{"h"}, 3, nil))(t)
		if o.inOneRun() != want {
			t.Errorf("3 samples through a graph for %d: in one run is %v", batch, o.inOneRun())
		}
	}
}
