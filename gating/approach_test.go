package gating

import (
	"context"
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// TestGatesStartWhereWanted: without noise the gates of a start give the coefficients of the place.
func TestGatesStartWhereWanted(t *testing.T) {
	models := openAll(t, fineTunes("mlp", 3)...)
	p := must(NewPlan(must(LoadWeights(selectAll(t, models)))(t), ByChannel))(t)
	for _, way := range []float64{1, 0.5, 0.25} {
		for _, combine := range []Combine{Convex, Sum} {
			want := p.towardsAverage(1, way, p.everyone())
			got := p.Coefficients(p.startAt(1, way, p.everyone(), combine), combine)
			for g := range want {
				for i := range want[g] {
					if math.Abs(got[g][i]-want[g][i]) > 1e-9 && want[g][i] <= mostOpen {
						t.Errorf("%s, way %g: coefficient %g, want %g", combine, way, got[g][i], want[g][i])
					}
				}
			}
		}
	}
}

// TestStartWithAllShut: where every parent that is in has no finite weights, the start is finite all the same.
func TestStartWithAllShut(t *testing.T) {
	p := must(NewPlan(must(LoadWeights(selectAll(t, openAll(t, fineTunes("mlp", 3)...))))(t), ByLayer))(t)
	p.Groups[0].Shut = []bool{true, true, false}
	for _, combine := range []Combine{Convex, Sum} {
		start := p.startAt(0, 0.5, []bool{true, true, false}, combine)
		if c := p.Coefficients(start, combine)[0]; !finite(start[0]) || c[0] != 0 || c[1] != 0 || !finite(c) {
			t.Errorf("%s: start %v, coefficients %v", combine, start[0], c)
		}
	}
}

// TestLogAlphaOf inverts the gate.
func TestLogAlphaOf(t *testing.T) {
	for z := 0.0; z <= mostOpen; z += 0.05 {
		if got := Gate(logAlphaOf(z)); math.Abs(got-z) > 1e-12 {
			t.Errorf("gate of log a of %g is %g", z, got)
		}
	}
}

// TestAscending leaves out what is no number.
func TestAscending(t *testing.T) {
	if got := ascending([]float64{3, math.NaN(), 1, math.Inf(1), 2}); len(got) != 3 || got[0] != 2 || got[1] != 4 || got[2] != 0 {
		t.Errorf("got %v", got)
	}
}

// TestSoftMergeOfSeeds merges independently trained networks:
// on top of matched and repaired units, gates must find a model that is better
// than both parents, on the data that judges and on data that nothing saw.
func TestSoftMergeOfSeeds(t *testing.T) {
	families := []string{"seeds/mlp", "seeds/cnn", "seeds/resnet"}
	if testing.Short() {
		families = families[:1]
	}
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			w := kernel.NewWorkers(1)
			t.Cleanup(w.Close)
			models := openAll(t, family+"/seed0.onnx", family+"/seed1.onnx")
			o := Options{Granularity: []Granularity{ByChannel}, Learn: LearnConfig{L0: DefaultL0, Workers: w}}
			r := must(Merge(context.Background(), selectAll(t, models), openData(t, models[0], "val.npz"), o))(t)
			if !r.Gained() {
				t.Fatalf("chosen: %s", r.Chosen.Name)
			}
			test := must(r.Objective.Prepare(openData(t, models[0], "test.npz")))(t)
			merged := must(Evaluate(context.Background(), r.Model(), test, r.Objective, 64, w))(t)
			for j, m := range models {
				parent := must(Evaluate(context.Background(), m, test, r.Objective, 64, w))(t)
				t.Logf("%s, parent %d: accuracy %.3f -> %.3f, loss %.3f -> %.3f", r.Chosen.Name, j, parent.Metric, merged.Metric, parent.Loss, merged.Loss)
				if merged.Metric < parent.Metric || merged.Loss >= parent.Loss {
					t.Errorf("parent %d: accuracy %.3f, loss %.3f; merged %.3f, %.3f", j, parent.Metric, parent.Loss, merged.Metric, merged.Loss)
				}
			}
		})
	}
}

// TestReorderedParentMustComputeTheSame: an order that changes the outputs is refused before it is used.
func TestReorderedParentMustComputeTheSame(t *testing.T) {
	models := openAll(t, "cnn/seed0.onnx", "cnn/seed1.onnx")
	before := selectAll(t, models).Alignment
	d := openData(t, models[0], "val.npz").Head(compareSamples)
	check := func(other *onnx.Model, d *dataset.Data) error {
		after := selectAll(t, []*onnx.Model{models[0], other}).Alignment
		return sameOutputs(before, after, d, "logits", nil)
	}
	if err := check(must(models[1].With())(t), d); err != nil {
		t.Error(err)
	}
	broken := must(models[1].With(onnx.SetValues(models[1].Proto().GetGraph().GetInitializer()[0], reversed(models[1]))))(t)
	if err := check(broken, d); err == nil {
		t.Error("a model that computes something else was taken")
	}
}

// reversed gives a model's first initializer in reverse order.
func reversed(m *onnx.Model) onnx.Source {
	return func() ([]float64, error) {
		v, err := m.Tensor(m.Proto().GetGraph().GetInitializer()[0]).Doubles(nil)
		for i, j := 0, len(v)-1; i < j; i, j = i+1, j-1 {
			v[i], v[j] = v[j], v[i]
		}
		return v, err
	}
}

// TestReorderedParentIsNoGain: the greedy soup of one reordered parent is that
// parent up to rounding, and must not count as a merge that beats it.
func TestReorderedParentIsNoGain(t *testing.T) {
	m := Metric{Name: "accuracy"}
	parent := Score{Loss: 0.05, Metric: 0.9, Samples: 100}
	if m.beats(Score{Loss: 0.05 - 1e-9, Metric: 0.9, Samples: 100}, parent) {
		t.Error("rounding beats a parent")
	}
	if !m.beats(Score{Loss: 0.0499, Metric: 0.9, Samples: 100}, parent) {
		t.Error("a better loss does not")
	}
}

// TestReportSaysWhatWasReordered checks the counts against the orders themselves.
func TestReportSaysWhatWasReordered(t *testing.T) {
	r := mergeSeeds(t, PermuteWeights, "cnn/seed0.onnx", "cnn/seed1.onnx")
	rep := must(r.Report())(t)
	if rep.Reordered == nil || rep.Reordered.By != PermuteWeights || rep.Reordered.Units[1] != 8+16+16 || rep.Reordered.Moved[1] == 0 || rep.Reordered.Units[0] != 0 {
		t.Fatalf("got %+v", rep.Reordered)
	}
	if before, after := rep.Reordered.CosineBefore[1], rep.Reordered.CosineAfter[1]; after <= before {
		t.Errorf("cosine %g, reordered %g", before, after)
	}
	if rep := must(mergeSeeds(t, PermuteNone, "cnn/seed0.onnx", "cnn/seed1.onnx").Report())(t); rep.Reordered != nil {
		t.Error("nothing was reordered")
	}
}
