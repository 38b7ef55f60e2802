package gating

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// TestThreadsAndSeedsOfLearning: one and two threads give the same bits, as does the same seed; another seed does not.
func TestThreadsAndSeedsOfLearning(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(128)
	for _, g := range []Granularity{ByLayer, ByChannel} {
		c := newLearnCase(t, models, d, g)
		learn := func(threads int, seed uint64) (*Learned, []byte) {
			config := quick()
			config.Seed = seed
			l := gatetest.Must(Learn(t.Context(), c.start, onThreads(t, c.data, c.obj, 64, threads), config))(t)
			return l, gatetest.Bytes(t, gatetest.Must(c.plan.Bake(l.Coefficients()))(t))
		}
		one, oneFile := learn(1, 1)
		two, twoFile := learn(2, 1)
		if !equalNumbers(one.LogAlpha.numbers, two.LogAlpha.numbers) || !bytes.Equal(oneFile, twoFile) {
			t.Errorf("%s: one and two threads differ", g)
		}
		other, otherFile := learn(2, 2)
		if equalNumbers(one.LogAlpha.numbers, other.LogAlpha.numbers) || bytes.Equal(oneFile, otherFile) {
			t.Errorf("%s: another seed gives the same gates", g)
		}
		if one.Steps != 6 || one.Skipped != 0 || equalNumbers(one.LogAlpha.numbers, c.start.LogAlpha.numbers) {
			t.Errorf("%s: %d steps, %d skipped, log a %v", g, one.Steps, one.Skipped, one.LogAlpha.groups[0])
		}
	}
}

// TestStepsWithoutFiniteLoss: steps whose draw gives a NaN move nothing and are
// counted; if all do, learning fails and says what to look for.
func TestStepsWithoutFiniteLoss(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(5, 40, 2), 2)
	good, bad := gatetest.Broken(t, 1), gatetest.Broken(t, -1)
	config := quick()
	config.BatchSize, config.Epochs, config.MaxSteps = 4, 4, 40
	some := newLearnCase(t, []*onnx.Model{good, bad}, d, ByLayer).learn(t, config)
	if some.Steps != 40 || some.Skipped == 0 || some.Skipped == 40 {
		t.Errorf("%d of %d steps skipped, want some", some.Skipped, some.Steps)
	}
	for _, a := range some.LogAlpha.groups {
		if !onnx.AllFinite(a) {
			t.Errorf("log a %v", a)
		}
	}
	c := newLearnCase(t, []*onnx.Model{bad, gatetest.Broken(t, -2)}, d, ByLayer)
	if _, err := Learn(t.Context(), c.start, c.evaluator(t), config); !errors.Is(err, ErrDiverged) {
		t.Errorf("with NaN in every step: %v", err)
	}
}

// TestLearnStopsWhenCancelled makes no further update and returns the context's error.
func TestLearnStopsWhenCancelled(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 3)...)
	c := newLearnCase(t, models, gatetest.Data(t, "val.npz", Fields(models[0])), ByLayer)
	ctx, cancel := context.WithCancel(t.Context())
	config := quick()
	config.MaxSteps, config.Epochs = 100, 100
	steps := 0
	config.Progress = func(step, of int, _ float64) {
		steps = step
		if of != 100 {
			t.Errorf("%d steps announced, want 100", of)
		}
		if step == 3 {
			cancel()
		}
	}
	if _, err := Learn(ctx, c.start, c.evaluator(t), config); !errors.Is(err, context.Canceled) || steps != 3 {
		t.Errorf("stopped after %d steps: %v", steps, err)
	}
}

// TestFirstStepFails: an operator that refuses the very first samples, here an index out of range, is an
// error that names it.
func TestFirstStepFails(t *testing.T) {
	net := func(seed uint64) *onnx.Model {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		b.Weight(t, "w", onnx.Float32, seed, 4, 3)
		b.Node("MatMul", "h", []string{"x", "w"})
		b.Node("Cast", "index", []string{"x"}, gatetest.Int("to", int64(onnx.Int64)))
		b.Node("GatherElements", "y", []string{"h", "index"}, gatetest.Int("axis", 1))
		b.Out("y")
		return b.Model(t)
	}
	d := gatetest.Samples(3, 8, 4)
	for i := range d.Inputs[0].Floats {
		d.Inputs[0].Floats[i] = 9
	}
	d.Label = &dataset.Column{Name: "y", Type: onnx.Float32, Shape: []int{4}, Floats: make([]float32, 32)}
	p := planOf(t, []*onnx.Model{net(1), net(2)}, ByLayer)
	e := evaluatorOf(t, d, Objective{Heads: []objective.Head{{Output: "y", Loss: network.MSE{}, Weight: 1}}}, 8)
	_, err := Learn(t.Context(), Start{p, LogAlpha{numbersOf(p, []float64{1, 1})}}, e, quick())
	if err == nil || !strings.Contains(err.Error(), "GatherElements") {
		t.Errorf("got %v", err)
	}
}

// TestLearningSeesAllLengths: every length moves the gates, an update has about
// the samples asked for, and passes are counted in samples.
func TestLearningSeesAllLengths(t *testing.T) {
	d := gatetest.Sequences(t, 40, 7, 1)
	c := newLearnCase(t, taggers(t, -1), d, ByLayer)
	l := c.learn(t, LearnOptions{Epochs: 5, BatchSize: 16, Seed: 5})
	if l.Steps != 15 || l.Skipped != 0 {
		t.Errorf("%d steps, %d skipped: want 5 passes over 48 samples, 16 a step", l.Steps, l.Skipped)
	}
	seen := map[int]int{}
	rows := 0
	for batches := range updates(d.Batches(5, 16, 7, 1), 16) {
		for _, b := range batches {
			part, _ := d.Locate(b)
			seen[part] += len(b)
			rows += len(b)
		}
		if rows >= 480 {
			break
		}
	}
	if rows >= 496 || seen[0] < 380 || seen[1] < 60 || seen[2] < 9 {
		t.Errorf("%d rows, by length %v", rows, seen)
	}
}

// TestUpdatesHaveTheirSizeOnAverage groups batches of many sizes.
func TestUpdatesHaveTheirSizeOnAverage(t *testing.T) {
	sizes := []int{7, 7, 2, 10, 1, 1, 1, 3, 9, 9, 4}
	batches := func(yield func([]int) bool) {
		for i := 0; ; i++ {
			if !yield(make([]int, sizes[i%len(sizes)])) {
				return
			}
		}
	}
	seen, n := 0, 0
	for list := range updates(batches, 10) {
		for _, b := range list {
			seen += len(b)
		}
		n++
		if len(list) == 0 || seen < 10*n || seen >= 10*n+10 {
			t.Fatalf("after %d updates %d samples", n, seen)
		}
		if n == 100 {
			break
		}
	}
}

// TestLearnedHandsOnItsPlan: gates are of the start's plan, and what comes of them is the plan's.
func TestLearnedHandsOnItsPlan(t *testing.T) {
	c := newLearnCase(t, taggers(t, -1), gatetest.Sequences(t, 9, 9), ByChannel)
	start := c.start
	start.Plan = c.plan.Excluding(Exclusion{0, 1})
	o := quick()
	o.Combine = Sum
	l := gatetest.Must(Learn(t.Context(), start, c.evaluator(t), o))(t)
	if l.Plan != start.Plan || l.Combine != Sum || l.Coefficients().At(0, 1, 0) != 0 || l.Rounded().At(0, 1, 0) != 0 {
		t.Errorf("coefficients %v, rounded %v", l.Coefficients().groups[0], l.Rounded().groups[0])
	}
	if want := l.Plan.Coefficients(l.LogAlpha, Sum); !equalNumbers(l.Coefficients().numbers, want.numbers) {
		t.Error("the coefficients are not those of the way to combine")
	}
	if want := l.Plan.Rounded(l.LogAlpha); !equalNumbers(l.Rounded().numbers, want.numbers) {
		t.Error("rounded otherwise than the plan does")
	}
	for _, bad := range []LearnOptions{{Epochs: -1}, {Combine: "product"}} {
		if _, err := Learn(t.Context(), start, c.evaluator(t), bad); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
