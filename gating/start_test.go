package gating

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
)

// TestStartFollowsLosses opens the best parent and closes hopeless ones.
func TestStartFollowsLosses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct{ losses, want []float64 }{
		{[]float64{1, 1}, []float64{openStart, openStart}},
		{[]float64{0.5, 1}, []float64{openStart, openStart - 1}}, // twice the best's loss
		{[]float64{1, 0.5, nan, inf, 1e9}, []float64{openStart - 1, openStart, closedStart, closedStart, closedStart}},
		{[]float64{0, 1}, []float64{openStart, closedStart}},
		{[]float64{nan, nan}, []float64{closedStart, closedStart}},
	} {
		got := startOf(c.losses)
		for j := range got {
			if math.Abs(got[j]-c.want[j]) > 1e-12 {
				t.Errorf("losses %v: start %v, want %v", c.losses, got, c.want)
			}
		}
	}
}

// startCase prepares a plan, an objective and the parents' losses on val.npz.
func startCase(t *testing.T, g Granularity, names ...string) (*Plan, *dataset.Data, Objective, []float64) {
	t.Helper()
	models := openAll(t, names...)
	d := openData(t, models[0], "val.npz").Head(200)
	obj := must(FitObjective(models[0], d, "", "", ""))(t)
	var losses []float64
	for _, m := range models {
		losses = append(losses, must(Evaluate(t.Context(), m, d, obj, 64, nil))(t).Loss)
	}
	return planOf(t, models, g), d, obj, losses
}

// TestStartInits says what each way of starting does without and with a hopeless parent.
func TestStartInits(t *testing.T) {
	p, d, obj, losses := startCase(t, ByLayer, "cnn_bn/ft0.onnx", "broken/random.onnx", "cnn_bn/ft2.onnx")
	start := func(how Init, seed uint64) [][]float64 {
		return must(Start(t.Context(), p, how, d, obj, losses, seed, nil))(t)
	}
	byLosses, open := start(InitLosses, 1), start(InitOpen, 1)
	for g := range byLosses {
		if math.Abs(byLosses[g][1]-closedStart) > 6*jitter || math.Abs(open[g][1]-openStart) > 6*jitter {
			t.Errorf("the random parent starts at %v by losses and at %v open", byLosses[g][1], open[g][1])
		}
	}
	if !slices.EqualFunc(byLosses, start(InitLosses, 1), equalFloats) || slices.EqualFunc(byLosses, start(InitLosses, 2), equalFloats) {
		t.Error("the jitter does not follow the seed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, p, InitAuto, d, obj, losses, 1, nil); err != context.Canceled {
		t.Errorf("after cancel: %v", err)
	}
}

// TestScreenShutsWhatRuins tries the layers of a parent times a million and of
// a random one: those that ruin the loss are shut, which NaN weights are already.
func TestScreenShutsWhatRuins(t *testing.T) {
	for _, broken := range []string{"scaled", "random"} {
		p, d, obj, losses := startCase(t, ByLayer, "cnn_bn/ft0.onnx", "broken/"+broken+".onnx", "cnn_bn/ft2.onnx")
		start := must(Start(t.Context(), p, InitAuto, d, obj, losses, 1, nil))(t)
		shut := 0
		for g, group := range p.Groups {
			if group.Shut[0] || group.Shut[2] {
				t.Errorf("%s: a good parent is shut out of %s", broken, group.Name)
			}
			if group.Shut[1] {
				shut++
			}
			if !finite(start[g]) {
				t.Errorf("%s: starts at %v", broken, start[g])
			}
		}
		t.Logf("%s: shut out of %d of %d layers", broken, shut, len(p.Groups))
		if shut == 0 {
			t.Errorf("%s: not shut out of any layer", broken)
		}
	}
}

// TestScreenOpensAGoodLayerOfABadParent: ft3 of resnet has its first filters in
// reverse order, which makes it useless as a whole; its other layers are good.
func TestScreenOpensAGoodLayerOfABadParent(t *testing.T) {
	p, d, obj, losses := startCase(t, ByLayer, "resnet/ft0.onnx", "resnet/ft1.onnx", "resnet/ft3.onnx")
	if startOf(losses)[2] > closedStart {
		t.Fatalf("losses %v: the damaged parent is no suspect, so nothing is screened", losses)
	}
	start := must(Start(t.Context(), p, InitAuto, d, obj, losses, 1, nil))(t)
	opened := 0
	for g := range p.Groups {
		if start[g][2] > closedStart+1 && !p.Groups[g].Shut[2] {
			opened++
		}
	}
	if opened == 0 || opened == len(p.Groups) {
		t.Errorf("%d of %d layers of the damaged parent start open, want some", opened, len(p.Groups))
	}
}

// TestGreedySoupKeepsWhatHelps leaves out a random parent and one that computes NaN.
func TestGreedySoupKeepsWhatHelps(t *testing.T) {
	models := openAll(t, "cnn/ft0.onnx", "cnn/ft1.onnx", "cnn/ft2.onnx")
	d := openData(t, models[0], "val.npz").Head(200)
	obj := must(FitObjective(models[0], d, "", "", ""))(t)
	m := &merge{train: d, held: d, objective: obj, Options: Options{Learn: LearnConfig{BatchSize: 64}}}
	p := planOf(t, models, ByLayer)
	losses := []float64{0.3, 0.1, math.NaN()} // best first: 1, 0; 2 is not tried
	in := must(m.greedySoup(t.Context(), p, losses))(t)
	f := must(newForward(models[0], d, obj.Output, 64, p, nil))(t)
	loss := func(in ...bool) float64 { return must(f.score(t.Context(), obj, p.Uniform(in)))(t).Loss }
	if !in[1] || in[2] || in[0] != (loss(true, true, false) <= loss(false, true, false)) {
		t.Errorf("kept %v; losses %v alone, %v with the other", in, loss(false, true, false), loss(true, true, false))
	}
	random := openAll(t, "cnn_bn/ft0.onnx", "broken/random.onnx")
	m.objective = must(FitObjective(random[0], d, "", "", ""))(t)
	if in := must(m.greedySoup(t.Context(), planOf(t, random, ByLayer), []float64{0.1, 9}))(t); !in[0] || in[1] {
		t.Errorf("kept %v of a good and a random parent", in)
	}
}
