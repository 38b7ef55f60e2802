package gating

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// unlabelledData is fixture data without its labels.
func unlabelledData(t *testing.T, m *onnx.Model, name string) *dataset.Data {
	t.Helper()
	d := gatetest.Data(t, name, Fields(m))
	return d.WithLabels(make([]*dataset.Column, len(d.Parts())))
}

// ensembleOf is the ensemble of models for a loss that needs no labels.
func ensembleOf(t *testing.T, d *dataset.Data, loss string, models ...*onnx.Model) *Ensemble {
	t.Helper()
	obj := gatetest.Must(FitObjective(models[0], d, ObjectiveOptions{Loss: loss}))(t)
	return gatetest.Must(NewEnsemble(t.Context(), models, d, obj, EvaluatorOptions{BatchSize: 50, Base: models[0]}))(t)
}

// TestEnsembleAnswersWithTheMean: its answers are the mean of the models' softmax, for samples of one shape and of
// several.
func TestEnsembleAnswersWithTheMean(t *testing.T) {
	for _, c := range []struct {
		name, data string
		models     []string
		classes    int
	}{
		{"scores", "val.npz", gatetest.FineTunes("mlp", 3), 10},
		{"probabilities", "families/sklearn/val.npz", gatetest.FineTunes("families/sklearn", 2), 10},
		{"samples of several lengths", "families/gru/lengths_val.npz", gatetest.FineTunes("families/gru", 2), 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			models := gatetest.Open(t, c.models...)
			d := unlabelledData(t, models[0], c.data)
			e := ensembleOf(t, d, "distill", models...)
			labelled := gatetest.Must(e.Label(t.Context(), d))(t)
			if labelled.Len() != d.Len() || e.Size() != len(models) || e.Doubtful {
				t.Fatalf("%d of %d samples, %d models, doubtful %v", labelled.Len(), d.Len(), e.Size(), e.Doubtful)
			}
			output := e.objective.Only().Output
			for i, p := range labelled.Parts() {
				want := make([]float64, len(p.Label.Floats))
				for _, m := range models {
					addSoftmax(t, want, unlabelled(d.Parts()[i], output, 7), m, c.classes, len(models))
				}
				for k, v := range p.Label.Floats {
					if math.Abs(float64(v)-want[k]) > 1e-5 {
						t.Fatalf("part %d, number %d: %v, want %v", i, k, v, want[k])
					}
				}
			}
		})
	}
}

// addSoftmax adds a model's share of the probabilities of classes, of scores or of probabilities.
func addSoftmax(t *testing.T, sum []float64, e *Evaluator, m *onnx.Model, classes, of int) {
	t.Helper()
	at := 0
	for _, out := range gatetest.Must(e.answers(m, e.data.Len()))(t)[0] {
		for row := range slices.Chunk(out.F, classes) {
			total, own := 0.0, 0.0
			for _, v := range row {
				total += math.Exp(float64(v))
				own += float64(v)
			}
			for _, v := range row {
				p := math.Exp(float64(v)) / total
				if math.Abs(own-1) < 1e-3 && slices.Min(row) >= 0 {
					p = float64(v)
				}
				sum[at] += p / float64(of)
				at++
			}
		}
	}
}

// TestEnsembleLeavesOutWhatGoesWithNothing: models of another task, with random weights or without finite answers are
// not in it; of two that differ nobody knows which is right.
func TestEnsembleLeavesOutWhatGoesWithNothing(t *testing.T) {
	for _, c := range []struct {
		name     string
		models   []string
		in       []bool
		doubtful bool
	}{
		{"another task", gatetest.FineTunes("cnn_bn", 4), []bool{true, true, true, false}, false},
		{"random and NaN", []string{"broken/random.onnx", "cnn_bn/ft0.onnx", "broken/nan.onnx", "cnn_bn/ft2.onnx"},
			[]bool{false, true, false, true}, false},
		{"two alone", []string{"cnn_bn/ft0.onnx", "broken/random.onnx"}, []bool{true, false}, true},
		{"all broken", []string{"broken/nan.onnx", "broken/nan.onnx"}, []bool{false, false}, true},
		{"one", []string{"cnn_bn/ft0.onnx"}, []bool{true}, false},
		{"independent trainings", []string{"cnn_bn/seed0.onnx", "cnn_bn/seed1.onnx"}, []bool{true, true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			models := gatetest.Open(t, c.models...)
			d := unlabelledData(t, models[0], "val.npz")
			e := ensembleOf(t, d, "distill", models...)
			if !slices.Equal(e.In, c.in) || e.Doubtful != c.doubtful {
				t.Errorf("in %v, doubtful %v", e.In, e.Doubtful)
			}
			if _, err := e.Label(t.Context(), d); (err == nil) != slices.Contains(c.in, true) {
				t.Error(err)
			}
		})
	}
}

// TestEnsembleOfWhatCannotRun keeps the reason, and takes the others.
func TestEnsembleOfWhatCannotRun(t *testing.T) {
	models := gatetest.Open(t, "mlp/ft0.onnx", "families/bert/ft0.onnx", "mlp/ft1.onnx")
	d := unlabelledData(t, models[0], "val.npz")
	e := ensembleOf(t, d, "distill", models...)
	if e.Failures[1] == nil || e.Failures[0] != nil || !slices.Equal(e.In, []bool{true, false, true}) {
		t.Errorf("in %v, failures %v", e.In, e.Failures)
	}
}

// TestTaughtNeedsAnswers: data without an ensemble's answers is an error of its own, not a panic further on.
func TestTaughtNeedsAnswers(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 2)...)
	for _, loss := range []string{"distill", "distill_bce", "distill_mse"} {
		d := unlabelledData(t, models[0], "val.npz").Head(20)
		e := ensembleOf(t, d, loss, models...)
		if _, err := NewEvaluator(d, e.objective, EvaluatorOptions{}); !errors.Is(err, dataset.ErrData) {
			t.Errorf("%s: %v", loss, err)
		}
		labelled := gatetest.Must(e.Label(t.Context(), d))(t)
		s := scoreOf(t, evaluatorOf(t, labelled, e.objective, 7), models[0])
		if !s.Finite() || s.Loss <= 0 || math.IsNaN(s.Metric) || e.objective.LossName() != loss {
			t.Errorf("%s: %+v", loss, s)
		}
	}
}

// TestEnsembleOfScoresAndProbabilities: a model that was exported with its softmax or sigmoid answers and is judged as
// the same without.
func TestEnsembleOfScoresAndProbabilities(t *testing.T) {
	for _, c := range []struct{ loss, last string }{
		{"distill", "Softmax"}, {"distill", "LogSoftmax"}, {"distill_bce", "Sigmoid"}, {"entropy", "Softmax"},
		{"entropy", "LogSoftmax"}, {"entropy_bce", "Sigmoid"},
	} {
		base, other := ending(t, []int64{3}, "Neg", "Identity"), ending(t, []int64{3}, "Neg", c.last)
		d := gatetest.Samples(3, 40, 3)
		obj := gatetest.Must(FitObjective(base, d, ObjectiveOptions{Loss: c.loss}))(t)
		if obj.Only().Taught() {
			e := gatetest.Must(NewEnsemble(t.Context(), []*onnx.Model{base, other}, d, obj,
				EvaluatorOptions{Base: base}))(t)
			d = gatetest.Must(e.Label(t.Context(), d))(t)
		}
		e := gatetest.Must(NewEvaluator(d, obj, EvaluatorOptions{Threads: 1, Base: base}))(t)
		one, two := scoreOf(t, e, base), scoreOf(t, e, other)
		e.Close()
		if math.Abs(one.Loss-two.Loss) > 1e-6 || one.Metric != two.Metric && obj.Only().Taught() {
			t.Errorf("%s, %s: %+v, without %+v", c.loss, c.last, two, one)
		}
		if obj.Only().Taught() && (one.Loss > 1e-6 || one.Metric != 1) {
			t.Errorf("%s, %s: %+v against its own answers", c.loss, c.last, one)
		}
	}
}
