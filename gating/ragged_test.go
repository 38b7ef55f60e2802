package gating

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// taggerNet scores three classes for every position of a sequence, x [N,T,4] to
// y [N,T,3]; the first of its two weights is the same for every seed. batch is -1
// for any; a number is written into a Reshape, so that no more can be run at once.
// Every position also sees the mean of its sequence.
func taggerNet(t testing.TB, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", batch, -1, 4)
	b.weight(t, "w1", onnx.Float32, 1, 4, 6)
	b.weight(t, "w2", onnx.Float32, seed+200, 6, 3)
	b.node("MatMul", "h", []string{"x", "w1"})
	b.node("ReduceMean", "mean", []string{"h"}, intsAttr("axes", 1))
	b.node("Add", "s", []string{"h", "mean"})
	b.node("Tanh", "r", []string{"s"})
	last := "r"
	if batch > 0 {
		b.Initializer = append(b.Initializer, must(onnx.NewTensor("shape", []int{3}, []int64{batch, -1, 6}))(t))
		b.node("Reshape", "fixed", []string{"r", "shape"})
		last = "fixed"
	}
	b.node("MatMul", "y", []string{last, "w2"})
	b.out("y")
	return b.model(t)
}

func taggers(t testing.TB, batch int64) (list []*onnx.Model) {
	for seed := range uint64(3) {
		list = append(list, taggerNet(t, batch, seed+1))
	}
	return list
}

// sequences are samples for taggers, as many of length i+1 as counts[i] says.
func sequences(t testing.TB, counts ...int) *dataset.Data {
	t.Helper()
	var list []*dataset.Data
	for i, n := range counts {
		d := samples(uint64(i+7), n, i+1, 4)
		label := &dataset.Column{Name: "label", Type: onnx.Int64, Shape: []int{i + 1}, Ints: make([]int64, n*(i+1))}
		for k := range label.Ints {
			label.Ints[k] = int64(k+i) % 3
		}
		list = append(list, &dataset.Data{Inputs: d.Inputs, Label: label})
	}
	return must(dataset.Join(list...))(t)
}

// numbers is the slice from, from+1, ..., to-1.
func numbers(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// TestEverySampleWeighsTheSame: the loss over samples of several lengths is the
// mean of those of each length by their samples, accuracy that over all positions.
func TestEverySampleWeighsTheSame(t *testing.T) {
	m := taggerNet(t, -1, 1)
	d := sequences(t, 3, 20, 1, 9)
	obj := must(FitObjective(m, d, "", "", ""))(t)
	for _, batch := range []int{1, 4, 64} {
		whole := must(Evaluate(t.Context(), m, d, obj, batch, nil))(t)
		var loss, right, positions float64
		for _, p := range d.Parts() {
			s := must(Evaluate(t.Context(), m, p, obj, batch, nil))(t)
			n := float64(len(p.Label.Ints))
			loss += s.Loss * float64(s.Samples) / 33
			right += s.Metric * n
			positions += n
		}
		if whole.Samples != 33 || math.Abs(whole.Loss-loss) > 1e-6 || math.Abs(whole.Metric-right/positions) > 1e-9 {
			t.Errorf("batch %d: %+v, want loss %v and accuracy %v", batch, whole, loss, right/positions)
		}
	}
}

// TestGradientOfSeveralLengths: an update's gradient is the sum of those that
// trainers for one length each compute at the same noise, by their share of the samples.
func TestGradientOfSeveralLengths(t *testing.T) {
	d := sequences(t, 5, 8, 2)
	config := LearnConfig{BatchSize: 15, Rate: 0.1, L0: 0.3, Combine: Convex, Seed: 4}
	for _, g := range []Granularity{ByLayer, ByChannel} {
		c := newLearnCase(t, taggers(t, -1), d, g)
		whole := must(newTrainer(c.plan, d, c.obj, c.start, config))(t)
		defer whole.close()
		wantCost, want := 0.0, make([][]float32, len(whole.sums))
		var batches [][]int
		first := 0
		for _, part := range d.Parts() {
			batches = append(batches, numbers(first, first+part.Len()))
			first += part.Len()
			share := float64(part.Len()) / 15
			alone := must(newTrainer(c.plan, part, c.obj, c.start, config))(t)
			defer alone.close()
			cost, moved, err := alone.step([][]int{numbers(0, part.Len())})
			if err != nil || !moved {
				t.Fatalf("%d samples: moved %v: %v", part.Len(), moved, err)
			}
			wantCost += cost * share
			for i, sum := range alone.sums {
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
				if math.Abs(float64(whole.sums[i][e]-v)) > 1e-6 {
					t.Errorf("%s: gradient %v, the parts' %v", g, whole.sums[i], want[i])
				}
			}
		}
	}
}

// TestProgramsAreBounded: data of twenty lengths keeps few programs and runners,
// and how many are kept changes no gate. Threads change none either.
func TestProgramsAreBounded(t *testing.T) {
	d := sequences(t, slices.Repeat([]int{3}, 20)...)
	c := newLearnCase(t, taggers(t, -1), d, ByChannel)
	config := LearnConfig{BatchSize: 8, Rate: 0.1, L0: 0.01, Combine: Convex, Seed: 5}
	learn := func(most, threads int) []float32 {
		config.Workers = kernel.NewWorkers(threads)
		defer config.Workers.Close()
		tr := must(newTrainer(c.plan, d, c.obj, c.start, config))(t)
		defer tr.close()
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
	f := must(newForward(c.plan.base(), d, c.obj.Output, 8, c.plan, nil))(t)
	f.runners.most = 7
	if _, err := f.score(t.Context(), c.obj, c.plan.Coefficients(c.start, Convex)); err != nil || len(f.runners.kept) != 7 {
		t.Errorf("%d runners are kept: %v", len(f.runners.kept), err)
	}
}

// TestLearningSeesAllLengths: every length moves the gates, an update has about
// the samples asked for, and passes are counted in samples.
func TestLearningSeesAllLengths(t *testing.T) {
	d := sequences(t, 40, 7, 1)
	c := newLearnCase(t, taggers(t, -1), d, ByLayer)
	l := c.learn(t, LearnConfig{Epochs: 5, BatchSize: 16, Rate: 0.1, L0: 0.01, Combine: Convex, Seed: 5})
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

// TestPrefixOfSeveralLengths keeps what comes before the first gate for each
// length, while programs come and go, and learns the same gates as without.
func TestPrefixOfSeveralLengths(t *testing.T) {
	d := sequences(t, 12, 8, 8, 4)
	c := newLearnCase(t, taggers(t, -1), d, ByLayer, "w2")
	learn := func(cached bool) (*trainer, []float32) {
		tr := must(newTrainer(c.plan, d, c.obj, c.start, LearnConfig{BatchSize: 4, Rate: 0.1, Combine: Convex, Seed: 1}))(t)
		t.Cleanup(tr.close)
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

// TestFixedBatchOfSeveralLengths: a graph for exactly two sequences of any length
// learns from a length that has only one, and judges it.
func TestFixedBatchOfSeveralLengths(t *testing.T) {
	d := sequences(t, 6, 1, 5)
	models := taggers(t, 2)
	c := newLearnCase(t, models, d, ByLayer)
	tr := must(newTrainer(c.plan, d, c.obj, c.start, LearnConfig{BatchSize: 4, Rate: 0.1, Combine: Convex, Seed: 1}))(t)
	defer tr.close()
	if !tr.forward.fixed || fmt.Sprint(tr.forward.sizes) != "[2 2 2]" || tr.samples != 4 {
		t.Fatalf("fixed %v, sizes %v, %d samples an update", tr.forward.fixed, tr.forward.sizes, tr.samples)
	}
	for _, batches := range firstUpdates(tr, 9) {
		if _, moved, err := tr.step(batches); err != nil || !moved {
			t.Fatalf("moved %v: %v", moved, err)
		}
	}
	any := taggerNet(t, -1, 1)
	got, want := must(Evaluate(t.Context(), models[0], d, c.obj, 64, nil))(t), must(Evaluate(t.Context(), any, d, c.obj, 64, nil))(t)
	if got.Metric != want.Metric || math.Abs(got.Loss-want.Loss) > 1e-6 {
		t.Errorf("%+v, with any batch size %+v", got, want)
	}
}

// TestAxisOfClassesIsClear: sequences as long as there are classes leave two axes
// to choose from, labels of length 1 that lost their axis none; those of another
// length tell which.
func TestAxisOfClassesIsClear(t *testing.T) {
	m := taggerNet(t, -1, 1)
	flat := sequences(t, 9)
	flat.Label.Shape = nil
	for common, d := range map[int]*dataset.Data{
		3: sequences(t, 2, 2, 9),
		1: must(dataset.Join(flat, sequences(t, 1, 2, 3, 2)))(t),
	} {
		if n := d.Parts()[0].Inputs[0].Shape[0]; n != common {
			t.Fatalf("the first part has length %d, want %d", n, common)
		}
		obj := must(FitObjective(m, d, "", "", ""))(t)
		if obj.Classes != 3 || obj.Metric.axis != 2 {
			t.Errorf("length %d: %d classes along axis %d", common, obj.Classes, obj.Metric.axis)
		}
		if _, err := Evaluate(t.Context(), m, d, obj, 64, nil); err != nil {
			t.Error(err)
		}
	}
}

// TestRecent drops what was used longest ago: too many values, or too large ones.
func TestRecent(t *testing.T) {
	var dropped []string
	r := newRecent[string](func(v string) { dropped = append(dropped, v) })
	r.most, r.room = 3, 100
	get := func(key string, bytes int64) {
		t.Helper()
		if v, err := r.get(key, func() (string, int64, error) { return key, bytes, nil }); err != nil || v != key {
			t.Errorf("%s is %s: %v", key, v, err)
		}
	}
	for _, c := range []struct {
		key    string
		bytes  int64
		want   string
		taken  int64
		reason string
	}{
		{"a", 10, "[a]", 10, "the first"},
		{"b", 20, "[a b]", 30, "room for both"},
		{"a", 99, "[b a]", 30, "kept, not built"},
		{"c", 30, "[b a c]", 60, "three at most"},
		{"d", 5, "[a c d]", 45, "the oldest use goes"},
		{"e", 70, "[d e]", 75, "as many go as have to"},
		{"f", 500, "[f]", 500, "the one in use stays, however large"},
		{"g", 1, "[g]", 1, "and goes next"},
	} {
		if get(c.key, c.bytes); fmt.Sprint(r.keys) != c.want || r.taken != c.taken || len(r.kept) != len(r.keys) {
			t.Errorf("%s: %v with %d bytes, want %s with %d", c.reason, r.keys, r.taken, c.want, c.taken)
		}
	}
	if !slices.Equal(dropped, []string{"b", "a", "c", "d", "e", "f"}) {
		t.Errorf("dropped %v", dropped)
	}
	failure := errors.New("no")
	if _, err := r.get("h", func() (string, int64, error) { return "", 0, failure }); err != failure || len(r.kept) != 1 {
		t.Errorf("%v, %d values", err, len(r.kept))
	}
	if r.clear(); len(r.keys)+len(r.kept)+int(r.taken) != 0 {
		t.Errorf("%v, %d bytes are left", r.keys, r.taken)
	}
}
