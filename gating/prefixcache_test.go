package gating

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// deepNet is x -> Gemm -> Tanh -> (what is between) -> Gemm; only its second
// weight is going to be selected. between is a list of operators on the batch.
func deepNet(t *testing.T, seed uint64, between ...string) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4)
	b.weight(t, "first", onnx.Float32, 1, 4, 6)
	b.node("MatMul", "h", []string{"x", "first"})
	last := "h"
	for _, op := range between {
		out := last + op
		switch op {
		case "ReduceMean":
			b.node(op, "mean", []string{last}, intsAttr("axes", 0))
			b.node("Sub", out, []string{last, "mean"})
		case "Transpose":
			b.node(op, last+"1", []string{last}, intsAttr("perm", 1, 0))
			b.node("Tanh", last+"2", []string{last + "1"})
			b.node(op, out, []string{last + "2"}, intsAttr("perm", 1, 0))
		default:
			b.node(op, out, []string{last})
		}
		last = out
	}
	b.weight(t, "second", onnx.Float32, seed+200, 6, 3)
	b.node("MatMul", "y", []string{last, "second"})
	b.out("y")
	return b.model(t)
}

// deepCase learns on a network with fewer samples than epochs need.
func deepCase(t *testing.T, between ...string) (*learnCase, LearnConfig) {
	t.Helper()
	models := []*onnx.Model{deepNet(t, 1, between...), deepNet(t, 2, between...), deepNet(t, 3, between...)}
	config := quick()
	config.BatchSize, config.Epochs, config.MaxSteps = 8, 5, 20
	return newLearnCase(t, models, labelled(samples(5, 32, 4), 3), ByLayer), config
}

// firstUpdates are the batches of the first n updates of seed 1.
func firstUpdates(tr *trainer, n int) (list [][][]int) {
	for batches := range updates(tr.forward.data.Batches(1, tr.forward.sizes...), tr.samples) {
		if list = append(list, batches); len(list) == n {
			break
		}
	}
	return list
}

// TestPrefixRunsOncePerSample: from the second epoch on (and one comparison) the
// data is not looked at again.
func TestPrefixRunsOncePerSample(t *testing.T) {
	c, config := deepCase(t, "Tanh")
	tr := must(newTrainer(c.plan, c.data, c.obj, c.start, config))(t)
	defer tr.close()
	if tr.prefixes[0] == nil {
		t.Fatal("there is no cache")
	}
	for step, batches := range firstUpdates(tr, 12) {
		if step >= 4 && tr.prefixes[0].proven {
			for i := range c.data.Inputs[0].Floats {
				c.data.Inputs[0].Floats[i] = float32(math.NaN())
			}
		}
		if cost, moved, err := tr.step(batches); err != nil || !moved {
			t.Fatalf("step %d: cost %v: %v", step, cost, err)
		}
	}
	if !slices.Equal(tr.prefixes[0].known, slices.Repeat([]bool{true}, 32)) || !tr.prefixes[0].proven {
		t.Errorf("known %v", tr.prefixes[0].known)
	}
}

// TestPrefixChangesNothing learns the same gates with and without the cache, and
// gives the cache up where samples of a batch depend on each other.
func TestPrefixChangesNothing(t *testing.T) {
	for name, keeps := range map[string]bool{"Tanh": true, "Transpose": true, "ReduceMean": false} {
		c, config := deepCase(t, name)
		learn := func(cached bool) (*trainer, []float32) {
			tr := must(newTrainer(c.plan, c.data, c.obj, c.start, config))(t)
			t.Cleanup(tr.close)
			if !cached {
				tr.prefixes[0] = nil
			}
			for _, batches := range firstUpdates(tr, 12) {
				if _, _, err := tr.step(batches); err != nil {
					t.Fatal(err)
				}
			}
			return tr, tr.gates[0].value
		}
		tr, with := learn(true)
		_, without := learn(false)
		if (tr.prefixes[0] != nil) != keeps {
			t.Errorf("%s: cache %v, want %v", name, tr.prefixes[0] != nil, keeps)
		}
		for i := range with {
			if math.Abs(float64(with[i]-without[i])) > 1e-4 {
				t.Errorf("%s: log a %v, without the cache %v", name, with, without)
			}
		}
	}
}

// TestPrefixIsKeptOnlyBySamples: where axis 0 does not count samples, or nothing
// comes before the first gate, there is no cache.
func TestPrefixIsKeptOnlyBySamples(t *testing.T) {
	b := newBuilt()
	b.in("x", -1, 4)
	b.weight(t, "first", onnx.Float32, 1, 4, 6)
	b.node("MatMul", "h", []string{"x", "first"})
	b.node("Transpose", "columns", []string{"h"}, intsAttr("perm", 1, 0))
	b.node("Tanh", "r", []string{"columns"})
	w := b.weight(t, "second", onnx.Float32, 2, 3, 6)
	b.node("MatMul", "scores", []string{"second", "r"})
	b.node("Transpose", "y", []string{"scores"}, intsAttr("perm", 1, 0))
	b.out("y")
	m := b.model(t)
	values := random(9, 18)
	other := must(m.With(onnx.SetValues(initializers(m)[w.GetName()], func() ([]float64, error) { return values, nil })))(t)
	c := newLearnCase(t, []*onnx.Model{m, other}, labelled(samples(5, 32, 4), 3), ByLayer)
	tr := must(newTrainer(c.plan, c.data, c.obj, c.start, quick()))(t)
	defer tr.close()
	if must(tr.program(0))(t).network.PrefixNodes() == 0 || tr.prefixes[0] != nil {
		t.Errorf("%d nodes before the gate, cache %v", must(tr.program(0))(t).network.PrefixNodes(), tr.prefixes[0] != nil)
	}
	whole := newLearnCase(t, []*onnx.Model{linearNet(t, onnx.Float32, 1), linearNet(t, onnx.Float32, 2)}, labelled(samples(5, 32, 4), 3), ByLayer)
	all := must(newTrainer(whole.plan, whole.data, whole.obj, whole.start, quick()))(t)
	defer all.close()
	if n := must(all.program(0))(t).network.PrefixNodes(); (n > 0) != (all.prefixes[0] != nil) {
		t.Errorf("%d nodes before the first gate, cache %v", n, all.prefixes[0] != nil)
	}
}
