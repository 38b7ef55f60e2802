package gating

import (
	"context"
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
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
			if in := Trusted(c.losses)[j]; in != (c.want[j] > closedStart) {
				t.Errorf("losses %v: parent %d is trusted: %v", c.losses, j, in)
			}
		}
	}
}

// startCase is a plan, data and the parents' losses on it.
type startCase struct {
	p      *Plan
	e      *Evaluator
	losses []float64
}

// newStartCase takes 200 samples of val.npz.
func newStartCase(t *testing.T, g Granularity, names ...string) *startCase {
	t.Helper()
	models := gatetest.Open(t, names...)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(200)
	c := &startCase{p: planOf(t, models, g), e: evaluatorOf(t, d, objectiveOf(t, models[0], d), 64)}
	for _, m := range models {
		c.losses = append(c.losses, scoreOf(t, c.e, m).Loss)
	}
	return c
}

func (c *startCase) start(t *testing.T, p *Plan, o StartOptions) Start {
	t.Helper()
	return gatetest.Must(NewStart(t.Context(), p, c.e, c.losses, o))(t)
}

// TestStartInits says what each way of starting does without and with a hopeless parent.
func TestStartInits(t *testing.T) {
	c := newStartCase(t, ByLayer, "cnn_bn/ft0.onnx", "broken/random.onnx", "cnn_bn/ft2.onnx")
	start := func(how Init, seed uint64) LogAlpha {
		s := c.start(t, c.p, StartOptions{Init: how, Seed: seed})
		if s.Plan != c.p {
			t.Errorf("%s: another plan, though nothing is screened", how)
		}
		return s.LogAlpha
	}
	byLosses, open := start(InitLosses, 1), start(InitOpen, 1)
	for g := range byLosses.Groups() {
		if math.Abs(byLosses.At(g, 1, 0)-closedStart) > 6*jitter || math.Abs(open.At(g, 1, 0)-openStart) > 6*jitter {
			t.Errorf("the random parent starts at %v by losses and at %v open", byLosses.At(g, 1, 0), open.At(g, 1, 0))
		}
	}
	again, other := start(InitLosses, 1), start(InitLosses, 2)
	if !equalNumbers(byLosses.numbers, again.numbers) || equalNumbers(byLosses.numbers, other.numbers) {
		t.Error("the jitter does not follow the seed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewStart(ctx, c.p, c.e, c.losses, StartOptions{Seed: 1}); err != context.Canceled {
		t.Errorf("after cancel: %v", err)
	}
}

// TestScreenExcludesWhatRuins tries the layers of a parent times a million and of
// a random one: those that ruin the loss are excluded, which NaN weights are already.
func TestScreenExcludesWhatRuins(t *testing.T) {
	for _, broken := range []string{"scaled", "random"} {
		c := newStartCase(t, ByLayer, "cnn_bn/ft0.onnx", "broken/"+broken+".onnx", "cnn_bn/ft2.onnx")
		start := c.start(t, c.p, StartOptions{Seed: 1})
		excluded := 0
		for g, name := range start.Plan.Groups() {
			if start.Plan.Excluded(g, 0) || start.Plan.Excluded(g, 2) {
				t.Errorf("%s: a good parent is excluded from %s", broken, name)
			}
			if start.Plan.Excluded(g, 1) {
				excluded++
			}
			if !onnx.AllFinite(start.LogAlpha.groups[g]) {
				t.Errorf("%s: starts at %v", broken, start.LogAlpha.groups[g])
			}
		}
		t.Logf("%s: excluded from %d of %d layers", broken, excluded, len(start.Plan.groups))
		if excluded == 0 {
			t.Errorf("%s: not excluded from any layer", broken)
		}
	}
}

// TestScreenOpensAGoodLayerOfABadParent: ft3 of resnet has its first filters in
// reverse order, which makes it useless as a whole; its other layers are good.
func TestScreenOpensAGoodLayerOfABadParent(t *testing.T) {
	c := newStartCase(t, ByLayer, "resnet/ft0.onnx", "resnet/ft1.onnx", "resnet/ft3.onnx")
	if startOf(c.losses)[2] > closedStart {
		t.Fatalf("losses %v: the damaged parent is no suspect, so nothing is screened", c.losses)
	}
	start := c.start(t, c.p, StartOptions{Seed: 1})
	opened := 0
	for g := range start.Plan.groups {
		if start.LogAlpha.At(g, 2, 0) > closedStart+1 && !start.Plan.Excluded(g, 2) {
			opened++
		}
	}
	if opened == 0 || opened == len(start.Plan.groups) {
		t.Errorf("%d of %d layers of the damaged parent start open, want some", opened, len(start.Plan.groups))
	}
}

// TestScreeningLeavesThePlanAlone: screening finds harmful layers, but in a plan of its
// own. What another trial then makes of the first plan is what it makes of a fresh one.
func TestScreeningLeavesThePlanAlone(t *testing.T) {
	names := []string{"cnn_bn/ft0.onnx", "broken/scaled.onnx", "cnn_bn/ft2.onnx"}
	c, fresh := newStartCase(t, ByChannel, names...), newStartCase(t, ByChannel, names...)
	screened := c.start(t, c.p, StartOptions{Seed: 1})
	if screened.Plan == c.p {
		t.Fatal("nothing was excluded, so the test says nothing")
	}
	for g, name := range c.p.Groups() {
		for j := range names {
			if c.p.Excluded(g, j) != fresh.p.Excluded(g, j) {
				t.Errorf("parent %d of %s is excluded from the plan that was screened", j, name)
			}
		}
	}
	if got, want := c.p.Average(nil), fresh.p.Average(nil); !equalNumbers(got.numbers, want.numbers) {
		t.Error("the average of the plan changed")
	}
	o := quick()
	o.MaxSteps = 2
	learn := func(c *startCase, how Init) *Learned {
		return gatetest.Must(Learn(t.Context(), c.start(t, c.p, StartOptions{Init: how, Seed: 1}), c.e, o))(t)
	}
	for _, how := range []Init{InitAuto, InitLosses, InitOpen} { // c's plan was screened before
		got, want := learn(c, how), learn(fresh, how)
		if !equalNumbers(got.LogAlpha.numbers, want.LogAlpha.numbers) ||
			!equalNumbers(got.Coefficients().numbers, want.Coefficients().numbers) {
			t.Errorf("%s: the second trial gives other gates than the first of a fresh plan", how)
		}
		fresh = newStartCase(t, ByChannel, names...)
	}
}
