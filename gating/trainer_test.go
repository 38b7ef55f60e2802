package gating

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// TestGradientByDifferences compares the gradient of the whole cost with respect
// to all that is learned with central differences of the cost at the same noise, for a
// small network in every granularity, by both ways to combine, with affine gates and without.
func TestGradientByDifferences(t *testing.T) {
	models := []*onnx.Model{linearNet(t, onnx.Float32, 1), linearNet(t, onnx.Float32, 2), linearNet(t, onnx.Float32, 3)}
	d := gatetest.Labelled(gatetest.Samples(5, 16, 4), 3)
	rows := upTo(16)
	for _, g := range granularities {
		for _, o := range []LearnOptions{{Combine: Convex}, {Combine: Sum}, {Combine: Convex, Affine: true},
			{Combine: Convex, Affine: true, Noiseless: true}} {
			o.BatchSize, o.L0 = 16, new(0.5)
			c := newLearnCase(t, models, d, g)
			tr := c.trainer(t, o)
			for i, gate := range tr.gates {
				for e := range gate.noise { // noise that leaves every gate between 0 and 1
					gate.noise[e] = 0.1 + 0.05*float64((3*i+e)%4)
				}
			}
			for i, gate := range tr.gates {
				if a := gate.affine; a != nil { // away from where they start
					for u := range a.scale {
						a.scale[u], a.shift[u] = 0.02*float32(i+u), 0.05*float32(u-i)
					}
				}
			}
			cost := func() float64 {
				for _, p := range tr.learned {
					for _, s := range p.sums {
						clear(s)
					}
				}
				return gatetest.Must(tr.gradient(rows, 1))(t)
			}
			cost()
			var grads [][]float32
			var values [][]float32
			for _, p := range tr.learned {
				for i, s := range p.sums {
					grads, values = append(grads, slices.Clone(s)), append(values, p.values[i])
				}
			}
			moved := make([]bool, len(values))
			for i, list := range values {
				for e, v := range list {
					const h = 3e-3
					list[e] = v + h
					hi := cost()
					list[e] = v - h
					lo := cost()
					list[e] = v
					if slope := (hi - lo) / (2 * h); math.Abs(slope-float64(grads[i][e])) > 2e-3*math.Max(0.1,
						math.Abs(slope)) {
						t.Errorf("%s %+v: gradient %d of vector %d is %v, differences give %v", g, o, e, i, grads[i][e],
							slope)
					}
					moved[i] = moved[i] || grads[i][e] != 0
				}
			}
			for i, moved := range moved {
				if shift := i - len(tr.gates); !moved && (shift < 0 || shift%2 == 0 || takesShifts(c.plan, shift/2)) {
					t.Errorf("%s %+v: nothing moves vector %d", g, o, i)
				}
			}
		}
	}
}

// takesShifts says whether a group has a bias that affine gates can shift.
func takesShifts(p *Plan, group int) bool {
	for _, l := range p.layers {
		for k := range l.layer.Params {
			if l.groups[k] == group && p.shifted(l, k) {
				return true
			}
		}
	}
	return false
}

// taggerNet scores three classes for every position of a sequence, x [N,T,4] to
// y [N,T,3]; the first of its two weights is the same for every seed. batch is -1
// for any; a number is written into a Reshape, so that no more can be run at once.
// Every position also sees the mean of its sequence.
func taggerNet(t testing.TB, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", batch, -1, 4)
	b.Weight(t, "w1", onnx.Float32, 1, 4, 6)
	b.Weight(t, "w2", onnx.Float32, seed+200, 6, 3)
	b.Node("MatMul", "h", []string{"x", "w1"})
	b.Node("ReduceMean", "mean", []string{"h"}, gatetest.Ints("axes", 1))
	b.Node("Add", "s", []string{"h", "mean"})
	b.Node("Tanh", "r", []string{"s"})
	last := "r"
	if batch > 0 {
		b.Ints(t, "shape", batch, -1, 6)
		b.Node("Reshape", "fixed", []string{"r", "shape"})
		last = "fixed"
	}
	b.Node("MatMul", "y", []string{last, "w2"})
	b.Out("y")
	return b.Model(t)
}

func taggers(t testing.TB, batch int64) (list []*onnx.Model) {
	for seed := range uint64(3) {
		list = append(list, taggerNet(t, batch, seed+1))
	}
	return list
}

// TestGradientOfSeveralLengths: an update's gradient is the sum of those that
// trainers for one length each compute at the same noise, by their share of the samples.
func TestGradientOfSeveralLengths(t *testing.T) {
	d := gatetest.Sequences(t, 5, 8, 2)
	config := LearnOptions{BatchSize: 15, L0: new(0.3), Seed: 4}
	for _, g := range []Granularity{ByLayer, ByChannel} {
		c := newLearnCase(t, taggers(t, -1), d, g)
		whole := c.trainer(t, config)
		wantCost, want := 0.0, make([][]float32, len(whole.learned[0].sums))
		var batches [][]int
		first := 0
		for _, part := range d.Parts() {
			batches = append(batches, between(first, first+part.Len()))
			first += part.Len()
			share := float64(part.Len()) / 15
			alone := c.trainerOn(t, evaluatorOf(t, part, c.obj, 64), config)
			cost, moved, err := alone.step([][]int{between(0, part.Len())})
			if err != nil || !moved {
				t.Fatalf("%d samples: moved %v: %v", part.Len(), moved, err)
			}
			wantCost += cost * share
			for i, sum := range alone.learned[0].sums {
				want[i] = slices.Grow(want[i], len(sum))[:len(sum)]
				for e, v := range sum {
					want[i][e] += v * float32(share)
				}
			}
		}
		cost, _, err := whole.step(batches)
		if err != nil || math.Abs(cost-wantCost) > 1e-6 {
			t.Errorf("%s: cost %v, want %v: %v", g, cost, wantCost, err)
		}
		for i := range want {
			for e, v := range want[i] {
				if math.Abs(float64(whole.learned[0].sums[i][e]-v)) > 1e-6 {
					t.Errorf("%s: gradient %v, the parts' %v", g, whole.learned[0].sums[i], want[i])
				}
			}
		}
	}
}

// TestProgramsAreBounded: data of twenty lengths keeps few programs and runners,
// and how many are kept changes no gate. Threads change none either.
func TestProgramsAreBounded(t *testing.T) {
	d := gatetest.Sequences(t, slices.Repeat([]int{3}, 20)...)
	c := newLearnCase(t, taggers(t, -1), d, ByChannel)
	config := LearnOptions{BatchSize: 8, Seed: 5}
	learn := func(most, threads int) []float32 {
		tr := c.trainerOn(t, onThreads(t, d, c.obj, 64, threads), config)
		made := 0
		tr.programs.most = most
		tr.programs.drop = func(old *compiled) { made++; old.close() }
		for _, batches := range firstUpdates(tr, 15) {
			if _, moved, err := tr.step(batches); err != nil || !moved {
				t.Fatalf("moved %v: %v", moved, err)
			}
			if len(tr.programs.kept) > most || len(tr.programs.keys) != len(tr.programs.kept) {
				t.Fatalf("%d programs are kept, want at most %d", len(tr.programs.kept), most)
			}
		}
		if most < 20 && made < 20-most {
			t.Errorf("%d programs were dropped", made)
		}
		return tr.gates[0].value
	}
	want := learn(5, 1)
	for _, most := range []int{1, 100} {
		if got := learn(most, 2); !slices.Equal(got, want) {
			t.Errorf("with %d programs: log a %v, want %v", most, got, want)
		}
	}
	f := gatetest.Must(c.evaluator(t).forward(c.plan.base(), c.plan, 8))(t)
	f.runners.most = 7
	if _, err := f.score(t.Context(), c.plan.Coefficients(c.start.LogAlpha, Convex)); err != nil ||
		len(f.runners.kept) != 7 {
		t.Errorf("%d runners are kept: %v", len(f.runners.kept), err)
	}
}

// fixedNet is linearNet for exactly batch samples (-1 for any), with the batch size
// written into a Reshape as the second dimension, so that it cannot be run on more at once.
func fixedNet(t *testing.T, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", batch, 4)
	b.Weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.Weight(t, "w2", onnx.Float32, seed+200, 6, 3)
	b.Node("MatMul", "h", []string{"x", "w1"})
	b.Node("Tanh", "r", []string{"h"})
	b.Ints(t, "shape", 6, batch)
	b.Node("Transpose", "turned", []string{"r"})
	b.Node("Reshape", "same", []string{"turned", "shape"})
	b.Node("Transpose", "s", []string{"same"})
	b.Node("MatMul", "y", []string{"s", "w2"})
	b.Out("y")
	return b.Model(t)
}

// TestMicroBatchesAddUp learns on a graph whose batch size cannot be changed in
// runs of that size: the gradient is that of one large batch.
func TestMicroBatchesAddUp(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(5, 12, 4), 3)
	rows := []int{3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 10, 11}
	grads := map[int64][]float32{}
	for _, batch := range []int64{-1, 4} {
		var models []*onnx.Model
		for seed := range uint64(3) {
			models = append(models, fixedNet(t, batch, seed))
		}
		c := newLearnCase(t, models, d, ByLayer)
		tr := c.trainer(t, LearnOptions{BatchSize: 12, Seed: 4})
		if want := map[int64]int{-1: 12, 4: 4}[batch]; tr.forward.sizes[0] != want || tr.samples != 12 {
			t.Fatalf("batch %d: %d samples an update, %d a run, want 12 and %d", batch, tr.samples,
				tr.forward.sizes[0], want)
		}
		before := slices.Clone(tr.gates[0].value)
		cost, moved, err := tr.step(slices.Collect(slices.Chunk(rows, tr.forward.sizes[0])))
		if err != nil || !moved || slices.Equal(before, tr.gates[0].value) {
			t.Fatalf("batch %d: cost %v, moved %v: %v", batch, cost, moved, err)
		}
		for _, s := range tr.learned[0].sums {
			grads[batch] = append(grads[batch], s...)
		}
	}
	for i, want := range grads[-1] {
		if math.Abs(float64(grads[4][i]-want)) > 1e-5 {
			t.Errorf("gradient %d: %v in micro-batches, %v at once", i, grads[4][i], want)
		}
	}
}

// TestFixedBatchOfSeveralLengths: a graph for exactly two sequences of any length
// learns from a length that has only one, and judges it.
func TestFixedBatchOfSeveralLengths(t *testing.T) {
	d := gatetest.Sequences(t, 6, 1, 5)
	models := taggers(t, 2)
	c := newLearnCase(t, models, d, ByLayer)
	tr := c.trainer(t, LearnOptions{BatchSize: 4, L0: new(0.0), Seed: 1})
	if !tr.forward.fixed || fmt.Sprint(tr.forward.sizes) != "[2 2 2]" || tr.samples != 4 {
		t.Fatalf("fixed %v, sizes %v, %d samples an update", tr.forward.fixed, tr.forward.sizes, tr.samples)
	}
	for _, batches := range firstUpdates(tr, 9) {
		if _, moved, err := tr.step(batches); err != nil || !moved {
			t.Fatalf("moved %v: %v", moved, err)
		}
	}
	any := taggerNet(t, -1, 1)
	got, want := scoreOf(t, c.evaluator(t), models[0]), scoreOf(t, c.evaluator(t), any)
	if got.Metric != want.Metric || math.Abs(got.Loss-want.Loss) > 1e-6 {
		t.Errorf("%+v, with any batch size %+v", got, want)
	}
}

// TestAdamEqualsPyTorch moves two leaves down a quadratic with the trainer's own
// update; the numbers are torch.optim.Adam's (1.13, float64, lr 0.1, no clipping,
// as the gradient's norm stays below 1).
func TestAdamEqualsPyTorch(t *testing.T) {
	weight := []float32{0.5, 0.1, 0.02}
	target := []float32{0.3, -0.2, 1}
	g := newGates(group{units: 1, excluded: make([]bool, 3)}, Convex, []float64{0, 0.5, -0.5}, 0, 1)
	tr := &trainer{gates: []*gates{g}}
	tr.collect(LearnOptions{Rate: 0.1})
	for step := range adamGolden {
		for i := range weight {
			tr.learned[0].sums[0][i] = 2 * weight[i] * (g.value[i] - target[i])
		}
		if err := tr.update(tr.norm()); err != nil {
			t.Fatal(err)
		}
		for i, want := range adamGolden[step] {
			if math.Abs(float64(g.value[i])-want) > 1e-5 {
				t.Errorf("step %d: leaf %d is %v, PyTorch has %v", step, i, g.value[i], want)
			}
		}
	}
}

// adamGolden is where PyTorch's leaves are after each step.
var adamGolden = [][]float64{
	{0.099999997, 0.400000007, -0.400000017},
	{0.197035206, 0.300694433, -0.300239095},
	{0.286711024, 0.202743502, -0.200902921},
	{0.362182667, 0.107001683, -0.102199004},
	{0.416177781, 0.014551677, -0.004358255},
	{0.445391237, -0.073279448, 0.092363666},
	{0.451918194, -0.154944194, 0.187685368},
	{0.440549382, -0.228763671, 0.281299309},
	{0.416303935, -0.293093940, 0.372872191},
	{0.383658408, -0.346547395, 0.462046413},
	{0.346613705, -0.388205520, 0.548442871},
	{0.308901749, -0.417746291, 0.631665377},
}
