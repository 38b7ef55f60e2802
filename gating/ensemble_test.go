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

// TestEnsembleAnswersWithTheMean: its answers are the mean of the models' softmax, weighted by how certain each is of
// the sample compared with the others, for samples of one shape and of several.
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
			first := d.Parts()[0]
			few := first.Select(evenly(first.Len(), min(first.Len(), 256)))
			fewSize := labelled.Parts()[0].Label.Size()
			for i, p := range labelled.Parts() {
				size := p.Label.Size()
				want, total := make([]float64, len(p.Label.Floats)), make([]float64, p.Len())
				for _, m := range models {
					usual := 0.0
					for own := range slices.Chunk(softmaxOf(t, unlabelled(few, output, 7), m, c.classes), fewSize) {
						usual += entropyOf(own, c.classes) / float64(few.Len())
					}
					n := 0
					for own := range slices.Chunk(softmaxOf(t, unlabelled(d.Parts()[i], output, 7), m, c.classes), size) {
						w := math.Exp(3 * (usual - entropyOf(own, c.classes)))
						total[n] += w
						for k, v := range own {
							want[n*size+k] += w * v
						}
						n++
					}
				}
				for k, v := range p.Label.Floats {
					if w := want[k] / total[k/size]; math.Abs(float64(v)-w) > 1e-5 {
						t.Fatalf("part %d, number %d: %v, want %v", i, k, v, w)
					}
				}
			}
		})
	}
}

// softmaxOf are a model's probabilities of classes, of scores or of probabilities.
func softmaxOf(t *testing.T, e *Evaluator, m *onnx.Model, classes int) (list []float64) {
	t.Helper()
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
				list = append(list, p)
			}
		}
	}
	return list
}

// entropyOf is that of probabilities of classes, in nats, the mean over positions.
func entropyOf(p []float64, classes int) (h float64) {
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v) * float64(classes) / float64(len(p))
		}
	}
	return h
}

// TestEnsembleIsNotLedByLoudModels: a model whose scores are many times larger is more certain of everything, and
// weighs no more than others for it; a model that is certain of some samples alone decides those.
func TestEnsembleIsNotLedByLoudModels(t *testing.T) {
	for _, c := range []struct {
		name     string
		u, usual []float64 // uncertainty of a sample, and usually
		want     []float64
	}{
		{"loud", []float64{0.01, 1}, []float64{0.01, 1}, []float64{0.5, 0.5}},
		{"an answer that is no number", []float64{math.NaN(), 1}, []float64{1, 1}, []float64{0, 1}},
		{"one domain each", []float64{0.2, 1.2}, []float64{0.7, 0.7}, []float64{1 / (1 + math.Exp(-3)), 1 / (1 + math.Exp(3))}},
	} {
		total := confidence(c.u[0], c.usual[0]) + confidence(c.u[1], c.usual[1])
		for j := range c.u {
			if got := confidence(c.u[j], c.usual[j]) / total; math.Abs(got-c.want[j]) > 1e-12 {
				t.Errorf("%s: model %d weighs %v, want %v", c.name, j, got, c.want[j])
			}
		}
	}
}

// TestConfidencesAreTheEnsembles: a transplant weighs models as the ensemble does that labels its samples, and models
// that are not in it not at all.
func TestConfidencesAreTheEnsembles(t *testing.T) {
	models := gatetest.Open(t, "cnn_bn/ft0.onnx", "broken/random.onnx", "cnn_bn/ft1.onnx", "cnn_bn/ft2.onnx")
	d := unlabelledData(t, models[0], "val.npz").Head(120)
	ensemble := ensembleOf(t, d, "distill", models...)
	labelled := gatetest.Must(ensemble.Label(t.Context(), d))(t)
	e := gatetest.Must(NewEvaluator(labelled, ensemble.objective, EvaluatorOptions{BatchSize: 50}))(t)
	defer e.Close()
	weights := gatetest.Must(e.competence(t.Context(), models))(t)
	want := make([]float64, len(labelled.Label.Floats))
	for j, m := range models {
		if j == 1 {
			continue
		}
		for i, p := range softmaxOf(t, unlabelled(d, ensemble.objective.Only().Output, 50), m, 10) {
			want[i] += weights[i/10][j] * p
		}
	}
	for i, v := range labelled.Label.Floats {
		if weights[i/10][1] != 0 || math.Abs(float64(v)-want[i]) > 1e-5 {
			t.Fatalf("number %d: %v, by the weights %v %v", i, v, weights[i/10], want[i])
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

// TestLabelsByOne: each sample has the answer of one model, by its softmax, and of no other.
func TestLabelsByOne(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 3)...)
	d := unlabelledData(t, models[0], "val.npz").Head(30)
	e := ensembleOf(t, d, "distill", models...)
	of := make([]int, 30)
	for b := range of {
		of[b] = b * 7 % 3
	}
	got := gatetest.Must(e.LabelByOne(t.Context(), d, of))(t).Label.Floats
	for j, m := range models {
		own := softmaxOf(t, unlabelled(d, e.objective.Only().Output, 7), m, 10)
		for b := range of {
			for i, v := range own[10*b : 10*b+10] {
				if of[b] == j && math.Abs(float64(got[10*b+i])-float64(v)) > 1e-6 {
					t.Fatalf("sample %d has %v for class %d, want %v of model %d", b, got[10*b+i], i, v, j)
				}
			}
		}
	}
}
