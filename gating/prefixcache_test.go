package gating

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// deepNet is x -> Gemm -> Tanh -> (what is between) -> Gemm; only its second
// weight is going to be selected. between is a list of operators on the batch.
func deepNet(t *testing.T, seed uint64, between ...string) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Weight(t, "first", onnx.Float32, 1, 4, 6)
	b.Node("MatMul", "h", []string{"x", "first"})
	last := "h"
	for _, op := range between {
		out := last + op
		switch op {
		case "ReduceMean":
			b.Node(op, "mean", []string{last}, gatetest.Ints("axes", 0))
			b.Node("Sub", out, []string{last, "mean"})
		case "Transpose":
			b.Node(op, last+"1", []string{last}, gatetest.Ints("perm", 1, 0))
			b.Node("Tanh", last+"2", []string{last + "1"})
			b.Node(op, out, []string{last + "2"}, gatetest.Ints("perm", 1, 0))
		default:
			b.Node(op, out, []string{last})
		}
		last = out
	}
	b.Weight(t, "second", onnx.Float32, seed+200, 6, 3)
	b.Node("MatMul", "y", []string{last, "second"})
	b.Out("y")
	return b.Model(t)
}

// deepCase learns on a network with fewer samples than epochs need.
func deepCase(t *testing.T, between ...string) (*learnCase, LearnOptions) {
	t.Helper()
	models := []*onnx.Model{deepNet(t, 1, between...), deepNet(t, 2, between...), deepNet(t, 3, between...)}
	config := quick()
	config.BatchSize, config.Epochs, config.MaxSteps = 8, 5, 20
	return newLearnCase(t, models, gatetest.Labelled(gatetest.Samples(5, 32, 4), 3), ByLayer), config
}

// TestPrefixRunsOncePerSample: from the second epoch on (and one comparison) the
// data is not looked at again.
func TestPrefixRunsOncePerSample(t *testing.T) {
	c, config := deepCase(t, "Tanh")
	tr := c.trainer(t, config)
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
			tr := c.trainer(t, config)
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
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Weight(t, "first", onnx.Float32, 1, 4, 6)
	b.Node("MatMul", "h", []string{"x", "first"})
	b.Node("Transpose", "columns", []string{"h"}, gatetest.Ints("perm", 1, 0))
	b.Node("Tanh", "r", []string{"columns"})
	b.Weight(t, "second", onnx.Float32, 2, 3, 6)
	b.Node("MatMul", "scores", []string{"second", "r"})
	b.Node("Transpose", "y", []string{"scores"}, gatetest.Ints("perm", 1, 0))
	b.Out("y")
	m := b.Model(t)
	values := gatetest.Random(9, 18)
	other := gatetest.Must(m.With(onnx.SetValues(initializers(m)["second"],
		func() ([]float64, error) { return values, nil })))(t)
	c := newLearnCase(t, []*onnx.Model{m, other}, gatetest.Labelled(gatetest.Samples(5, 32, 4), 3), ByLayer)
	tr := c.trainer(t, quick())
	if gatetest.Must(tr.program(0))(t).network.PrefixNodes() == 0 || tr.prefixes[0] != nil {
		t.Errorf("%d nodes before the gate, cache %v", gatetest.Must(tr.program(0))(t).network.PrefixNodes(),
			tr.prefixes[0] != nil)
	}
	whole := newLearnCase(t, []*onnx.Model{linearNet(t, onnx.Float32, 1), linearNet(t, onnx.Float32, 2)},
		gatetest.Labelled(gatetest.Samples(5, 32, 4), 3), ByLayer)
	all := whole.trainer(t, quick())
	if n := gatetest.Must(all.program(0))(t).network.PrefixNodes(); (n > 0) != (all.prefixes[0] != nil) {
		t.Errorf("%d nodes before the first gate, cache %v", n, all.prefixes[0] != nil)
	}
}

// TestPrefixOfSeveralLengths keeps what comes before the first gate for each
// length, while programs come and go, and learns the same gates as without.
func TestPrefixOfSeveralLengths(t *testing.T) {
	d := gatetest.Sequences(t, 12, 8, 8, 4)
	c := newLearnCase(t, taggers(t, -1), d, ByLayer, "w2")
	learn := func(cached bool) (*trainer, []float32) {
		tr := c.trainer(t, LearnOptions{BatchSize: 4, L0: new(0.0), Seed: 1})
		tr.programs.most = 2
		for part := range tr.tried {
			if !cached {
				tr.tried[part], tr.prefixes[part] = true, nil
			}
		}
		for _, batches := range firstUpdates(tr, 24) {
			if _, _, err := tr.step(batches); err != nil {
				t.Fatal(err)
			}
		}
		return tr, tr.gates[0].value
	}
	tr, with := learn(true)
	_, without := learn(false)
	for part, n := range []int{12, 8, 8, 4} {
		p := tr.prefixes[part]
		if p == nil || !p.proven || !slices.Equal(p.known, slices.Repeat([]bool{true}, n)) {
			t.Fatalf("part %d: %+v", part, p)
		}
	}
	positions := 12*1 + 8*2 + 8*3 + 4*4
	if got := maxPrefixBytes - tr.room; got != 8*6*positions {
		t.Errorf("%d bytes are taken, want %d", got, 8*6*positions)
	}
	for i := range with {
		if math.Abs(float64(with[i]-without[i])) > 1e-5 {
			t.Errorf("log a %v, without the cache %v", with, without)
		}
	}
}
