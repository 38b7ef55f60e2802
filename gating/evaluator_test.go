package gating

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// evaluatorCase is the data of a fixture model, enough for parts of some size.
func evaluatorCase(t *testing.T) (*onnx.Model, *dataset.Data, *Evaluator) {
	t.Helper()
	m := gatetest.Open(t, "cnn_bn/ft0.onnx")[0]
	d := gatetest.Data(t, "val.npz", Fields(m)).Head(150)
	return m, d, onThreads(t, d, objectiveOf(t, m, d), 40, 2)
}

// wantScore compares a score with what an evaluator of its own gives the data.
func wantScore(t *testing.T, what string, m *onnx.Model, e *Evaluator, d *dataset.Data) Score {
	t.Helper()
	got, want := scoreOf(t, e, m), scoreOf(t, evaluatorOf(t, d, e.Objective(), 40), m)
	if !got.Equal(want) || got.Samples != d.Len() {
		t.Errorf("%s: %+v, alone %+v", what, got, want)
	}
	return got
}

// TestDerivedEvaluatorsShareThreads: evaluators of other data, of the first samples and
// of two parts use the threads of the one they come from and score as one of their own would.
func TestDerivedEvaluatorsShareThreads(t *testing.T) {
	m, d, e := evaluatorCase(t)
	whole := scoreOf(t, e, m)
	on := gatetest.Must(e.On(d))(t)
	if got := wantScore(t, "on the same data", m, on, d); !got.Equal(whole) {
		t.Errorf("on the same data: %+v, before %+v", got, whole)
	}
	head := e.Head(70)
	wantScore(t, "head", m, head, d.Head(70))
	if long := e.Head(1000); !scoreOf(t, long, m).Equal(whole) {
		t.Error("more samples than there are: another score")
	}
	learn, judge, err := e.Split(0.2, 3)
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := e.Data().Split(0.2, 3)
	if err != nil {
		t.Fatal(err)
	}
	a, b := wantScore(t, "learn", m, learn, train), wantScore(t, "judge", m, judge, held)
	if a.Samples+b.Samples != 150 || b.Samples != 30 {
		t.Errorf("%d samples to learn on and %d to judge on", a.Samples, b.Samples)
	}
	mean := func(x, y float64) float64 {
		return (x*float64(a.Samples) + y*float64(b.Samples)) / float64(whole.Samples)
	}
	if math.Abs(mean(a.Loss, b.Loss)-whole.Loss) > 1e-6 || math.Abs(mean(a.Metric, b.Metric)-whole.Metric) > 1e-9 {
		t.Errorf("parts score %+v and %+v, the whole %+v", a, b, whole)
	}
	for name, derived := range map[string]*Evaluator{"On": on, "Head": head, "Split, learn": learn,
		"Split, judge": judge} {
		if derived.workers != e.workers || derived.batch != e.batch ||
			derived.Objective().Only().Output != e.Objective().Only().Output {
			t.Errorf("%s: threads or batch size of its own", name)
		}
	}
}

// TestOnRefusesOtherLabels as NewEvaluator does.
func TestOnRefusesOtherLabels(t *testing.T) {
	_, d, e := evaluatorCase(t)
	unlabelled := &dataset.Data{Inputs: d.Inputs}
	if _, err := e.On(unlabelled); !errors.Is(err, dataset.ErrData) {
		t.Errorf("On data without labels: %v", err)
	}
	if _, err := NewEvaluator(unlabelled, e.Objective(), EvaluatorOptions{}); !errors.Is(err, dataset.ErrData) {
		t.Errorf("NewEvaluator of data without labels: %v", err)
	}
	if _, _, err := e.Split(1.5, 1); err == nil {
		t.Error("a share of 1.5 was taken")
	}
}

// TestMixturesScoreAsTheirBakedModels: one lowered network serves many coefficients.
func TestMixturesScoreAsTheirBakedModels(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	_, _, e := evaluatorCase(t)
	p := planOf(t, models, ByChannel)
	mixtures := gatetest.Must(e.Mixtures(p))(t)
	for _, c := range []Coefficients{p.Average(nil), randomCoefficients(p, 2), p.Average([]bool{true, false, false})} {
		got := gatetest.Must(mixtures.Score(t.Context(), c))(t)
		want := scoreOf(t, e, gatetest.Must(p.Bake(c))(t))
		if math.Abs(got.Loss-want.Loss) > 1e-4*want.Loss || got.Metric != want.Metric || got.Samples != want.Samples {
			t.Errorf("%+v, baked %+v", got, want)
		}
	}
}

// TestScoreStopsWhenCancelled returns the context's error.
func TestScoreStopsWhenCancelled(t *testing.T) {
	m, _, e := evaluatorCase(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Score(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestEverySampleWeighsTheSame: the loss over samples of several lengths is the
// mean of those of each length by their samples, accuracy that over all positions.
func TestEverySampleWeighsTheSame(t *testing.T) {
	m := taggerNet(t, -1, 1)
	d := gatetest.Sequences(t, 3, 20, 1, 9)
	obj := objectiveOf(t, m, d)
	for _, batch := range []int{1, 4, 64} {
		whole := scoreOf(t, evaluatorOf(t, d, obj, batch), m)
		var loss, right, positions float64
		for _, p := range d.Parts() {
			s := scoreOf(t, evaluatorOf(t, p, obj, batch), m)
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
