package gating

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// twoLayers is a tagger of two layers with biases, every weight drawn by the seed:
// x [N,T,4] to y [N,T,3].
func twoLayers(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, -1, 4)
	b.weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.weight(t, "b1", onnx.Float32, seed+50, 6)
	b.weight(t, "w2", onnx.Float32, seed+100, 6, 3)
	b.weight(t, "b2", onnx.Float32, seed+150, 3)
	b.node("MatMul", "h", []string{"x", "w1"})
	b.node("Add", "s", []string{"h", "b1"})
	b.node("Tanh", "r", []string{"s"})
	b.node("MatMul", "o", []string{"r", "w2"})
	b.node("Add", "y", []string{"o", "b2"})
	b.out("y")
	return b.model(t)
}

// convolved is a tagger with a normalisation, x [N,4,T] to y [N,3,T].
func convolved(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4, -1)
	b.weight(t, "w1", onnx.Float32, seed, 6, 4, 1)
	b.weight(t, "scale", onnx.Float32, seed+10, 6)
	b.weight(t, "bias", onnx.Float32, seed+20, 6)
	b.weight(t, "mean", onnx.Float32, seed+30, 6)
	b.tensor(t, "var", onnx.Float32, []float64{1, 2, 3, 1, 2, 3}, 6)
	b.weight(t, "w2", onnx.Float32, seed+40, 3, 6, 1)
	b.node("Conv", "h", []string{"x", "w1"})
	b.node("BatchNormalization", "n", []string{"h", "scale", "bias", "mean", "var"})
	b.node("Relu", "r", []string{"n"})
	b.node("Conv", "y", []string{"r", "w2"})
	b.out("y")
	return b.model(t)
}

// channelsFirst turns samples [T,4] into [4,T] of other numbers.
func channelsFirst(t *testing.T, d *dataset.Data) *dataset.Data {
	t.Helper()
	var list []*dataset.Data
	for _, p := range d.Parts() {
		in := p.Inputs[0]
		in.Shape = []int{in.Shape[1], in.Shape[0]}
		list = append(list, &dataset.Data{Inputs: []dataset.Column{in}, Label: p.Label})
	}
	return must(dataset.Join(list...))(t)
}

// TestMergeOfSeveralLengths goes the whole way with each thing that runs networks
// on data: losses, averages, gates, activations, repairs, statistics. The bytes
// do not depend on threads.
func TestMergeOfSeveralLengths(t *testing.T) {
	d := sequences(t, 9, 30, 1, 20)
	for name, c := range map[string]struct {
		net  func(*testing.T, uint64) *onnx.Model
		data *dataset.Data
		o    Options
		want string // part of a candidate's name
		runs int    // of learning: one a granularity, and three more beside parents whose units were reordered
	}{
		"activations": {twoLayers, d, Options{Permute: PermuteActivations}, "+repaired", 5},
		"weights":     {twoLayers, d, Options{Permute: PermuteWeights, Init: InitOpen}, "+repaired", 2},
		"statistics":  {convolved, channelsFirst(t, d), Options{Permute: PermuteNone}, "+recalibrated", 2},
	} {
		models := []*onnx.Model{c.net(t, 1), c.net(t, 2), c.net(t, 3)}
		merge := func(threads int) (*Result, []byte) {
			o := c.o
			o.Learn = LearnConfig{MaxSteps: 12, BatchSize: 16, L0: DefaultL0, Seed: 3, Workers: kernel.NewWorkers(threads)}
			defer o.Learn.Workers.Close()
			r := must(Merge(t.Context(), selectAll(t, models), c.data, o))(t)
			return r, fileBytes(t, r.Model())
		}
		r, file := merge(1)
		seen := 0
		for _, candidate := range r.Candidates {
			if !candidate.Score.Finite() || candidate.Score.Samples != 12 {
				t.Errorf("%s: %s has %+v", name, candidate.Name, candidate.Score)
			}
			if strings.Contains(candidate.Name, c.want) {
				seen++
			}
		}
		if seen == 0 || r.Steps != 12*c.runs {
			t.Errorf("%s: %d candidates %s, %d steps", name, seen, c.want, r.Steps)
		}
		if _, again := merge(2); !bytes.Equal(file, again) {
			t.Errorf("%s: one and two threads differ", name)
		}
	}
}

// TestStatisticsOfSeveralLengths are the means over full batches of all lengths;
// a length with fewer samples than a batch would only add noise.
func TestStatisticsOfSeveralLengths(t *testing.T) {
	m := convolved(t, 1)
	d := channelsFirst(t, sequences(t, 8, 3, 5))
	measured := func(d *dataset.Data) Statistics {
		return must(measure(t.Context(), m, d, "y", 4, nil))(t)[0]
	}
	got := measured(d)
	parts := d.Parts() // of 8, 5 and 3 samples: two batches, one, and none
	a, b := measured(parts[0]), measured(parts[1])
	for i := range got.Mean {
		mean, variance := (2*a.Mean[i]+b.Mean[i])/3, (2*a.Variance[i]+b.Variance[i])/3
		if math.Abs(got.Mean[i]-mean) > 1e-6 || math.Abs(got.Variance[i]-variance) > 1e-6 {
			t.Errorf("channel %d: mean %v and variance %v, want %v and %v", i, got.Mean[i], got.Variance[i], mean, variance)
		}
	}
}
