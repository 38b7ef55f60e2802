package gating

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// learnCase is a plan with data, ready to learn.
type learnCase struct {
	plan  *Plan
	data  *dataset.Data
	obj   Objective
	start [][]float64
}

func newLearnCase(t *testing.T, models []*onnx.Model, d *dataset.Data, g Granularity, only ...string) *learnCase {
	t.Helper()
	obj := must(FitObjective(models[0], d, "", "", ""))(t)
	c := &learnCase{plan: planOf(t, models, g, only...), data: must(obj.Prepare(d))(t), obj: obj}
	losses := make([]float64, len(models))
	c.start = must(Start(t.Context(), c.plan, InitOpen, d, obj, losses, 1, nil))(t)
	return c
}

func (c *learnCase) learn(t *testing.T, config LearnConfig) *Learned {
	t.Helper()
	return must(Learn(t.Context(), c.plan, c.data, c.obj, c.start, config))(t)
}

// quick is a short run.
func quick() LearnConfig {
	return LearnConfig{Epochs: 2, MaxSteps: 6, BatchSize: 32, Rate: 0.1, L0: 0.01, Combine: Convex, Seed: 1}
}

// TestThreadsAndSeedsOfLearning: one and two threads give the same bits, as does the same seed; another seed does not.
func TestThreadsAndSeedsOfLearning(t *testing.T) {
	models := openAll(t, fineTunes("cnn_bn", 3)...)
	d := openData(t, models[0], "val.npz").Head(128)
	for _, g := range []Granularity{ByLayer, ByChannel} {
		c := newLearnCase(t, models, d, g)
		learn := func(threads int, seed uint64) (*Learned, []byte) {
			config := quick()
			config.Seed, config.Workers = seed, kernel.NewWorkers(threads)
			defer config.Workers.Close()
			l := c.learn(t, config)
			return l, fileBytes(t, must(c.plan.Bake(c.plan.Coefficients(l.LogAlpha, Convex)))(t))
		}
		one, oneFile := learn(1, 1)
		two, twoFile := learn(2, 1)
		if !slices.EqualFunc(one.LogAlpha, two.LogAlpha, equalFloats) || !bytes.Equal(oneFile, twoFile) {
			t.Errorf("%s: one and two threads differ", g)
		}
		other, otherFile := learn(2, 2)
		if slices.EqualFunc(one.LogAlpha, other.LogAlpha, equalFloats) || bytes.Equal(oneFile, otherFile) {
			t.Errorf("%s: another seed gives the same gates", g)
		}
		if one.Steps != 6 || one.Skipped != 0 || slices.EqualFunc(one.LogAlpha, c.start, equalFloats) {
			t.Errorf("%s: %d steps, %d skipped, log a %v", g, one.Steps, one.Skipped, one.LogAlpha[0])
		}
	}
}

// TestGradientByDifferences compares the gradient of the whole cost with respect
// to log a with central differences of the cost at the same noise, for a small
// network in every granularity, by both ways to combine.
func TestGradientByDifferences(t *testing.T) {
	models := []*onnx.Model{linearNet(t, onnx.Float32, 1), linearNet(t, onnx.Float32, 2), linearNet(t, onnx.Float32, 3)}
	d := labelled(samples(5, 16, 4), 3)
	rows := make([]int, 16)
	for i := range rows {
		rows[i] = i
	}
	for _, g := range granularities {
		for _, mode := range []Combine{Convex, Sum} {
			c := newLearnCase(t, models, d, g)
			tr := must(newTrainer(c.plan, c.data, c.obj, c.start, LearnConfig{BatchSize: 16, Rate: 0.1, L0: 0.5, Combine: mode}))(t)
			defer tr.close()
			for i, gate := range tr.gates {
				for e := range gate.noise { // noise that leaves every gate between 0 and 1
					gate.noise[e] = 0.1 + 0.05*float64((3*i+e)%4)
				}
			}
			cost := func() float64 {
				for i := range tr.sums {
					clear(tr.sums[i])
				}
				return must(tr.gradient(rows, 1))(t)
			}
			cost()
			grads := make([][]float32, len(tr.sums))
			for i := range tr.sums {
				grads[i] = slices.Clone(tr.sums[i])
			}
			for i, gate := range tr.gates {
				for e, v := range gate.value {
					const h = 1e-2
					gate.value[e] = v + h
					hi := cost()
					gate.value[e] = v - h
					lo := cost()
					gate.value[e] = v
					if slope := (hi - lo) / (2 * h); math.Abs(slope-float64(grads[i][e])) > 2e-3*math.Max(0.1, math.Abs(slope)) {
						t.Errorf("%s %s: gradient %d of %s is %v, differences give %v", g, mode, e, c.plan.Groups[i].Name, grads[i][e], slope)
					}
				}
			}
		}
	}
}

// TestLearnStopsWhenCancelled makes no further update and returns the context's error.
func TestLearnStopsWhenCancelled(t *testing.T) {
	models := openAll(t, fineTunes("mlp", 3)...)
	c := newLearnCase(t, models, openData(t, models[0], "val.npz"), ByLayer)
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
	if _, err := Learn(ctx, c.plan, c.data, c.obj, c.start, config); !errors.Is(err, context.Canceled) || steps != 3 {
		t.Errorf("stopped after %d steps: %v", steps, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Evaluate(cancelled, models[0], c.data, c.obj, 64, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Evaluate: %v", err)
	}
	if _, err := Merge(cancelled, selectAll(t, models), c.data, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Merge: %v", err)
	}
}

// fixedNet is linearNet for exactly batch samples (-1 for any), with the batch size
// written into a Reshape as the second dimension, so that it cannot be run on more at once.
func fixedNet(t *testing.T, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", batch, 4)
	b.weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.weight(t, "w2", onnx.Float32, seed+200, 6, 3)
	b.node("MatMul", "h", []string{"x", "w1"})
	b.node("Tanh", "r", []string{"h"})
	shape := must(onnx.NewTensor("shape", []int{2}, []int64{6, batch}))(t)
	b.Initializer = append(b.Initializer, shape)
	b.node("Transpose", "turned", []string{"r"})
	b.node("Reshape", "same", []string{"turned", "shape"})
	b.node("Transpose", "s", []string{"same"})
	b.node("MatMul", "y", []string{"s", "w2"})
	b.out("y")
	return b.model(t)
}

// TestMicroBatchesAddUp learns on a graph whose batch size cannot be changed in
// runs of that size: the gradient is that of one large batch.
func TestMicroBatchesAddUp(t *testing.T) {
	d := labelled(samples(5, 12, 4), 3)
	rows := []int{3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 10, 11}
	grads := map[int64][]float32{}
	for _, batch := range []int64{-1, 4} {
		var models []*onnx.Model
		for seed := range uint64(3) {
			models = append(models, fixedNet(t, batch, seed))
		}
		c := newLearnCase(t, models, d, ByLayer)
		tr := must(newTrainer(c.plan, c.data, c.obj, c.start, LearnConfig{BatchSize: 12, Rate: 0.1, L0: 0.01, Combine: Convex, Seed: 4}))(t)
		if want := map[int64]int{-1: 12, 4: 4}[batch]; tr.forward.sizes[0] != want || tr.samples != 12 {
			t.Fatalf("batch %d: %d samples an update, %d a run, want 12 and %d", batch, tr.samples, tr.forward.sizes[0], want)
		}
		before := slices.Clone(tr.gates[0].value)
		cost, moved, err := tr.step(slices.Collect(slices.Chunk(rows, tr.forward.sizes[0])))
		if err != nil || !moved || slices.Equal(before, tr.gates[0].value) {
			t.Fatalf("batch %d: cost %v, moved %v: %v", batch, cost, moved, err)
		}
		for _, s := range tr.sums {
			grads[batch] = append(grads[batch], s...)
		}
		tr.close()
	}
	for i, want := range grads[-1] {
		if math.Abs(float64(grads[4][i]-want)) > 1e-5 {
			t.Errorf("gradient %d: %v in micro-batches, %v at once", i, grads[4][i], want)
		}
	}
}

// brokenNet is x -> MatMul -> Log: with weights below zero every output is NaN.
func brokenNet(t *testing.T, weight float64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 2)
	b.tensor(t, "w", onnx.Float32, []float64{weight, weight, weight, weight}, 2, 2)
	b.node("Abs", "a", []string{"x"})
	b.node("MatMul", "h", []string{"a", "w"})
	b.node("Log", "y", []string{"h"})
	b.out("y")
	return b.model(t)
}

// TestStepsWithoutFiniteLoss: steps whose draw gives a NaN move nothing and are
// counted; if all do, learning fails and says what to look for.
func TestStepsWithoutFiniteLoss(t *testing.T) {
	d := labelled(samples(5, 40, 2), 2)
	good, bad := brokenNet(t, 1), brokenNet(t, -1)
	config := quick()
	config.BatchSize, config.Epochs, config.MaxSteps = 4, 4, 40
	some := newLearnCase(t, []*onnx.Model{good, bad}, d, ByLayer).learn(t, config)
	if some.Steps != 40 || some.Skipped == 0 || some.Skipped == 40 {
		t.Errorf("%d of %d steps skipped, want some", some.Skipped, some.Steps)
	}
	for _, a := range some.LogAlpha {
		if !finite(a) {
			t.Errorf("log a %v", a)
		}
	}
	c := newLearnCase(t, []*onnx.Model{bad, brokenNet(t, -2)}, d, ByLayer)
	if _, err := Learn(t.Context(), c.plan, c.data, c.obj, c.start, config); !errors.Is(err, ErrDiverged) {
		t.Errorf("with NaN in every step: %v", err)
	}
}

// TestFirstStepFails: an operator that refuses the very first samples, here an index out of range, is an
// error that names it.
func TestFirstStepFails(t *testing.T) {
	net := func(seed uint64) *onnx.Model {
		b := newBuilt()
		b.in("x", -1, 4)
		b.weight(t, "w", onnx.Float32, seed, 4, 3)
		b.node("MatMul", "h", []string{"x", "w"})
		b.node("Cast", "index", []string{"x"}, intAttr("to", int64(onnx.Int64)))
		b.node("GatherElements", "y", []string{"h", "index"}, intAttr("axis", 1))
		b.out("y")
		return b.model(t)
	}
	d := samples(3, 8, 4)
	for i := range d.Inputs[0].Floats {
		d.Inputs[0].Floats[i] = 9
	}
	d.Label = &dataset.Column{Name: "y", Type: onnx.Float32, Shape: []int{4}, Floats: make([]float32, 32)}
	p := planOf(t, []*onnx.Model{net(1), net(2)}, ByLayer)
	_, err := Learn(t.Context(), p, d, Objective{Output: "y", Loss: network.MSE{}}, [][]float64{{1, 1}}, quick())
	if err == nil || !strings.Contains(err.Error(), "GatherElements") {
		t.Errorf("got %v", err)
	}
}
