package gating

import (
	"context"
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// repairing prepares a merge of a family's seeds for repairs, with gates by channel.
func repairing(t *testing.T, family string) (*merge, *Plan) {
	t.Helper()
	w := kernel.NewWorkers(2)
	t.Cleanup(w.Close)
	models := openAll(t, family+"/seed0.onnx", family+"/seed1.onnx")
	s := selectAll(t, models)
	m := &merge{Options: Options{Permute: PermuteActivations}, alignment: s.Alignment, parents: models, workers: w}
	m.setDefaults()
	if err := m.divide(openData(t, models[0], "val.npz")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.rearrange(context.Background(), s, nil); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(m.weights, ByChannel)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

// TestRepairGivesMoments measures a repaired and baked model by itself: every
// channel must have the mean and the deviation that its parents' have in the
// mixture's proportions.
func TestRepairGivesMoments(t *testing.T) {
	for family, want := range map[string]int{"mlp": 3, "cnn": 4, "cnn_bn": 7, "resnet": 10} {
		t.Run(family, func(t *testing.T) {
			m, p := repairing(t, family)
			coeffs := p.towardsAverage(1, 0.6, p.everyone())
			q := must(m.repaired(context.Background(), p, coeffs))(t)
			layers := q.repairables()
			if len(q.repairs) != want || len(layers) != want {
				t.Errorf("%d repairs of %d layers, want %d", len(q.repairs), len(layers), want)
			}
			baked := must(q.Bake(coeffs))(t)
			got := must(channelMoments(context.Background(), baked, layers, 0, m.objective.Output, m.train.Head(repairSamples), m.workers))(t)
			for i := range layers {
				wanted := p.wanted(&layers[i], coeffs, m.moments, i)
				for c := range wanted.mean {
					scale := math.Abs(wanted.mean[c]) + wanted.deviation[c]
					if !(math.Abs(got[i].mean[c]-wanted.mean[c]) <= 1e-3*scale && math.Abs(got[i].deviation[c]-wanted.deviation[c]) <= 1e-3*scale) &&
						wanted.deviation[c] > 1e-6 {
						t.Errorf("layer %s, channel %d: mean %g and deviation %g, want %g and %g", layers[i].Layer.Name, c,
							got[i].mean[c], got[i].deviation[c], wanted.mean[c], wanted.deviation[c])
					}
				}
			}
		})
	}
}

// TestRepairedNetworkIsWhatIsBaked: what learning sees of a repaired plan is what
// is baked, also where coefficients do not add up to one.
func TestRepairedNetworkIsWhatIsBaked(t *testing.T) {
	for _, family := range []string{"cnn", "cnn_bn"} {
		m, p := repairing(t, family)
		q := must(m.repaired(context.Background(), p, p.towardsAverage(0, 0.5, p.everyone())))(t)
		coeffs := randomCoefficients(q, 3)
		for g := range coeffs {
			for i := range coeffs[g] {
				coeffs[g][i] *= 1.3
			}
		}
		d := m.train.Head(32)
		rows := make([]int, 32)
		for i := range rows {
			rows[i] = i
		}
		var outs [2]*network.Tensor
		f := must(newForward(q.base(), d, m.objective.Output, 32, q, m.workers))(t)
		outs[0] = must(f.run(rows, coeffs))(t)
		f = must(newForward(must(q.Bake(coeffs))(t), d, m.objective.Output, 32, nil, m.workers))(t)
		outs[1] = must(f.run(rows, nil))(t)
		if !within(outs[0].F, outs[1].F, 1e-4) {
			t.Errorf("%s: the network computes %v, the baked model %v", family, outs[0].F[:4], outs[1].F[:4])
		}
	}
}

// TestRepairLeavesDeadChannels: a channel that does not vary, or whose moments are no numbers, stays as it is.
func TestRepairLeavesDeadChannels(t *testing.T) {
	nan := math.NaN()
	got := moments{mean: []float64{1, 0, 2, 0}, deviation: []float64{0, 1, 1, 2}}
	want := moments{mean: []float64{5, nan, 3, 1}, deviation: []float64{1, 1, 0, 1}}
	r := repairTo("layer", got, want)
	for i, c := range [][2]float64{{1, 0}, {1, 0}, {1, 0}, {0.5, 1}} {
		if r.Scale[i] != c[0] || r.Shift[i] != c[1] {
			t.Errorf("channel %d: scale %g, shift %g, want %g and %g", i, r.Scale[i], r.Shift[i], c[0], c[1])
		}
	}
}

// TestBiasOfOneNumber: Gemm broadcasts it, so it cannot shift channels by themselves. The layer is left
// as it is, and so the merge goes on.
func TestBiasOfOneNumber(t *testing.T) {
	net := func(seed uint64) *onnx.Model {
		b := newBuilt()
		b.in("x", -1, 6)
		b.weight(t, "w1", onnx.Float32, seed, 6, 8)
		b.weight(t, "b1", onnx.Float32, seed+1, 1)
		b.weight(t, "w2", onnx.Float32, seed+2, 8, 3)
		b.weight(t, "b2", onnx.Float32, seed+3, 3)
		b.node("Gemm", "h", []string{"x", "w1", "b1"})
		b.node("Relu", "r", []string{"h"})
		b.node("Gemm", "y", []string{"r", "w2", "b2"})
		b.out("y")
		return b.model(t)
	}
	o := Options{Method: UniformMean, Permute: PermuteActivations}
	r := must(Merge(t.Context(), selectAll(t, []*onnx.Model{net(1), net(10)}), labelled(samples(3, 80, 6), 3), o))(t)
	for i := range r.Candidates {
		if c := &r.Candidates[i]; c.Name == "uniform+repaired" {
			if len(c.plan.repairs) != 1 || c.plan.repairs[0].Layer != "w2" {
				t.Errorf("repairs %v, want one of w2", c.plan.repairs)
			}
			return
		}
	}
	t.Error("nothing was repaired")
}

// TestGraphOfMoreSamplesGivesNoMoments: a graph for more samples than there are shows those that fill it up too.
func TestGraphOfMoreSamplesGivesNoMoments(t *testing.T) {
	for batch, want := range map[int64]bool{-1: true, 3: true, 4: false} {
		o := must(newObserver(hiddenNet(t, batch, 1), []string{"h"}, "y", samples(1, 3, 3, 4), 3, nil, nil))(t)
		if o.inOneRun() != want {
			t.Errorf("3 samples through a graph for %d: in one run is %v", batch, o.inOneRun())
		}
	}
}
