package gating

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// ending is a model that ends in the operators given over its input x of a shape.
func ending(t *testing.T, shape []int64, ops ...string) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", append([]int64{-1}, shape...)...)
	last := "x"
	for i, op := range ops {
		out := op + string(rune('0'+i))
		b.Node(op, out, []string{last})
		last = out
	}
	b.Out(last)
	return b.Model(t)
}

func intLabel(shape []int, v ...int64) *dataset.Column {
	return &dataset.Column{Name: "label", Type: onnx.Int64, Shape: shape, Ints: v}
}

func floatLabel(shape []int, v ...float32) *dataset.Column {
	return &dataset.Column{Name: "label", Type: onnx.Float32, Shape: shape, Floats: v}
}

// TestObjectiveFitsOutputAndLabels chooses loss, metric and classes by the
// output's last operator and shape and by the labels' type, shape and values.
func TestObjectiveFitsOutputAndLabels(t *testing.T) {
	class := intLabel(nil, 0, 2, 1, 2)
	for _, c := range []struct {
		name    string
		shape   []int64
		op      string
		label   *dataset.Column
		loss    string // asked for
		want    network.Loss
		metric  string
		classes int
	}{
		{"logits", []int64{3}, "Relu", class, "", network.CrossEntropy{Axis: 1}, "accuracy", 3},
		{"softmax", []int64{3}, "Softmax", class, "", network.CrossEntropy{Form: network.Probabilities, Axis: 1},
			"accuracy", 3},
		{"log softmax", []int64{3}, "LogSoftmax", class, "auto",
			network.CrossEntropy{Form: network.LogProbabilities, Axis: 1}, "accuracy", 3},
		{"classes as floats", []int64{3}, "Relu", floatLabel(nil, 0, 2, 1, 2), "", network.CrossEntropy{Axis: 1},
			"accuracy", 3},
		{"classes as a column of floats", []int64{3}, "Relu", floatLabel([]int{1}, 0, 2, 1, 2), "",
			network.CrossEntropy{Axis: 1}, "accuracy", 3},
		{"one-hot floats", []int64{3}, "Relu", floatLabel([]int{3}, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1), "",
			network.CrossEntropy{Axis: 1}, "accuracy", 3},
		{"one-hot integers", []int64{3}, "Softmax", intLabel([]int{3}, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1), "",
			network.CrossEntropy{Form: network.Probabilities, Axis: 1}, "accuracy", 3},
		{"one-hot, mse wanted", []int64{3}, "Relu", floatLabel([]int{3}, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1), "mse",
			network.MSE{}, "mse", 0},
		{"soft labels", []int64{3}, "Relu", floatLabel([]int{3}, .5, .5, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1), "",
			network.MSE{}, "mse", 0},
		{"several labels of sigmoids", []int64{3}, "Sigmoid",
			floatLabel([]int{3}, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1), "",
			network.BCE{Form: network.Probabilities}, "accuracy", 0},
		{"one sigmoid", []int64{1}, "Sigmoid", intLabel(nil, 0, 1, 1, 0), "",
			network.BCE{Form: network.Probabilities}, "accuracy", 0},
		{"one logit", []int64{1}, "Neg", intLabel(nil, 0, 1, 1, 0), "", network.BCE{}, "accuracy", 0},
		{"one number", []int64{1}, "Neg", floatLabel(nil, 0.5, -1, 2, 7), "", network.MSE{}, "mse", 0},
		{"regression", []int64{2}, "Neg", floatLabel([]int{2}, 0.5, -1, 2, 7, 1, 1, 1, 1), "", network.MSE{}, "mse", 0},
		{"tagger, classes second", []int64{5, 2}, "Neg", intLabel([]int{2}, 0, 4, 1, 2, 3, 3, 0, 0), "",
			network.CrossEntropy{Axis: 1}, "accuracy", 5},
		{"tagger, classes last", []int64{2, 5}, "Neg", intLabel([]int{2}, 0, 4, 1, 2, 3, 3, 0, 0), "",
			network.CrossEntropy{Axis: 2}, "accuracy", 5},
		{"tagger, softmax decides", []int64{2, 2}, "Softmax", intLabel([]int{2}, 0, 1, 1, 0, 1, 1, 0, 0), "",
			network.CrossEntropy{Form: network.Probabilities, Axis: 2}, "accuracy", 2},
		{"tagger of one-hot rows", []int64{2, 2}, "Neg", intLabel([]int{2}, 0, 1, 1, 0, 1, 0, 0, 1), "",
			network.CrossEntropy{Axis: 1}, "accuracy", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			shape := make([]int, len(c.shape))
			for i, d := range c.shape {
				shape[i] = int(d)
			}
			d := gatetest.Samples(1, 4, shape...)
			d.Label = c.label
			m := ending(t, c.shape, c.op)
			obj := gatetest.Must(FitObjective(m, d, ObjectiveOptions{Loss: c.loss}))(t)
			if !reflect.DeepEqual(obj.Loss, c.want) || obj.Metric.Name != c.metric || obj.Classes != c.classes {
				t.Fatalf("got %#v by %s of %d classes, want %#v by %s of %d", obj.Loss, obj.Metric.Name, obj.Classes,
					c.want, c.metric, c.classes)
			}
			if s := scoreOf(t, evaluatorOf(t, d, obj, 3), m); !s.Finite() {
				t.Errorf("loss %v", s.Loss)
			}
		})
	}
}

// TestObjectivePreparesOneHot scores one-hot labels and whole floats as the class indices they stand for.
func TestObjectivePreparesOneHot(t *testing.T) {
	m := ending(t, []int64{3}, "Neg")
	d := gatetest.Samples(1, 4, 3)
	d.Label = intLabel(nil, 0, 2, 1, 2)
	obj := objectiveOf(t, m, d)
	want := scoreOf(t, evaluatorOf(t, d, obj, 4), m)
	for _, label := range []*dataset.Column{
		floatLabel([]int{3}, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1), floatLabel([]int{1}, 0, 2, 1, 2),
	} {
		d.Label = label
		obj := objectiveOf(t, m, d)
		if got := scoreOf(t, evaluatorOf(t, d, obj, 4), m); !got.Equal(want) {
			t.Errorf("%v: score %v, class indices have %v", label.Shape, got, want)
		}
	}
}

// TestObjectiveTakesAnotherOutput passes over outputs that cannot be computed
// or are no floats, and says why when none is left.
func TestObjectiveTakesAnotherOutput(t *testing.T) {
	b := gatetest.NewBuilder()
	b.In("x", -1, 3)
	b.Node("NoSuchOperator", "strange", []string{"x"})
	b.Node("ArgMax", "index", []string{"x"}, gatetest.Int("axis", 1))
	b.Node("Relu", "scores", []string{"x"})
	for _, name := range []string{"strange", "index", "scores"} {
		b.Out(name)
	}
	m := b.Model(t)
	d := gatetest.Labelled(gatetest.Samples(1, 6, 3), 3)
	if obj := objectiveOf(t, m, d); obj.Output != "scores" {
		t.Errorf("output %q, want scores", obj.Output)
	}
	if _, err := FitObjective(m, d, ObjectiveOptions{Output: "strange"}); !errors.Is(err, network.ErrUnsupported) ||
		!strings.Contains(err.Error(), "strange") {
		t.Errorf("an output that cannot be computed: %v", err)
	}
	for _, output := range []string{"index", "nowhere"} {
		if _, err := FitObjective(m, d, ObjectiveOptions{Output: output}); !errors.Is(err, dataset.ErrData) ||
			!strings.Contains(err.Error(), output) {
			t.Errorf("output %s: %v", output, err)
		}
	}
}

// TestObjectiveRefuses says what does not fit.
func TestObjectiveRefuses(t *testing.T) {
	for _, c := range []struct {
		name         string
		label        *dataset.Column
		loss, metric string
		want         string
	}{
		{"no label", nil, "", "", "no labels"},
		{"class too large", intLabel(nil, 0, 3, 1, 2), "", "", "class 3"},
		{"class too large, as float", floatLabel(nil, 0, 3, 1, 2), "", "", "class 3"},
		{"negative class", intLabel(nil, 0, -1, 1, 2), "", "", "class -1"},
		{"fractions", floatLabel(nil, 0.5, 1, 1, 2), "", "", "fit no output"},
		{"fractions as classes", floatLabel([]int{3}, 0.5, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1), "cross_entropy", "",
			"no axis of it counts classes"},
		{"too many numbers", floatLabel([]int{2}, 1, 2, 3, 4, 5, 6, 7, 8), "mse", "",
			"3 numbers a sample, the labels have 2"},
		{"metric", intLabel(nil, 0, 1, 1, 2), "", "loudness", "want auto, accuracy, mse, mae or r2"},
	} {
		d := gatetest.Samples(1, 4, 3)
		d.Label = c.label
		_, err := FitObjective(ending(t, []int64{3}, "Neg"), d, ObjectiveOptions{Loss: c.loss, Metric: c.metric})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.want)
		}
		if c.metric == "" && !errors.Is(err, dataset.ErrData) {
			t.Errorf("%s: %v is not about the data", c.name, err)
		}
	}
	d := gatetest.Samples(1, 4, 3)
	if _, err := (Objective{}).Prepare(d); !errors.Is(err, dataset.ErrData) {
		t.Errorf("data without labels: %v", err)
	}
}

// TestAxisOfClassesIsClear: sequences as long as there are classes leave two axes
// to choose from, labels of length 1 that lost their axis none; those of another
// length tell which.
func TestAxisOfClassesIsClear(t *testing.T) {
	m := taggerNet(t, -1, 1)
	flat := gatetest.Sequences(t, 9)
	flat.Label.Shape = nil
	for common, d := range map[int]*dataset.Data{
		3: gatetest.Sequences(t, 2, 2, 9),
		1: gatetest.Must(dataset.Join(flat, gatetest.Sequences(t, 1, 2, 3, 2)))(t),
	} {
		if n := d.Parts()[0].Inputs[0].Shape[0]; n != common {
			t.Fatalf("the first part has length %d, want %d", n, common)
		}
		obj := objectiveOf(t, m, d)
		if obj.Classes != 3 || obj.Loss.(network.CrossEntropy).Axis != 2 {
			t.Errorf("length %d: %d classes along axis %d", common, obj.Classes, obj.Loss.(network.CrossEntropy).Axis)
		}
		scoreOf(t, evaluatorOf(t, d, obj, 64), m)
	}
}

// TestMetricsMustFitTheLoss: a metric of numbers on class scores, or the other way round, is
// refused; it used to read labels that are not there.
func TestMetricsMustFitTheLoss(t *testing.T) {
	models := gatetest.Open(t, "mlp/ft0.onnx")
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(20)
	for _, metric := range []string{"mse", "mae", "r2"} {
		if _, err := FitObjective(models[0], d, ObjectiveOptions{Metric: metric}); !errors.Is(err, dataset.ErrData) {
			t.Errorf("%s of class scores: %v", metric, err)
		}
	}
	numbers := &dataset.Column{Name: "label", Type: onnx.Float32, Shape: []int{10}, Floats: make([]float32, 200)}
	d = &dataset.Data{Inputs: d.Inputs, Label: numbers}
	o := ObjectiveOptions{Loss: "mse", Metric: "accuracy"}
	if _, err := FitObjective(models[0], d, o); !errors.Is(err, dataset.ErrData) {
		t.Errorf("accuracy of numbers: %v", err)
	}
}
