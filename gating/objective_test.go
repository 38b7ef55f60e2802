package gating

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
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

// TestSetsOfClasses: lists of class numbers are learned as zeros and ones for as many classes as the output has, and a
// class that it has not is an error of the data.
func TestSetsOfClasses(t *testing.T) {
	ragged := intLabel([]int{2}, 0, 2, -1, -1, 1, -1, 2, 1)
	ragged.Sets = true
	for _, c := range []struct {
		name, op string
		label    *dataset.Column
		loss     string
	}{
		{"of several lengths, sigmoids", "Sigmoid", ragged, ""},
		{"of several lengths, logits", "Relu", ragged, ""},
		{"of one length, sigmoids", "Sigmoid", intLabel([]int{2}, 0, 2, 1, 0, 1, 2, 2, 1), ""},
		{"of one length, asked for", "Relu", intLabel([]int{2}, 0, 2, 1, 0, 1, 2, 2, 1), "bce"},
	} {
		m := ending(t, []int64{3}, c.op)
		x := dataset.Column{Name: "x", Type: onnx.Float32, Shape: []int{3}, Floats: make([]float32, 12)}
		d := &dataset.Data{Inputs: []dataset.Column{x}, Label: c.label}
		o, err := FitObjective(m, d, ObjectiveOptions{Loss: c.loss})
		if err != nil || o.Only().Loss.Name() != "bce" {
			t.Errorf("%s: %v, %v", c.name, o, err)
			continue
		}
		if s := scoreOf(t, evaluatorOf(t, d, o, 3), m); !s.Finite() {
			t.Errorf("%s: %+v", c.name, s)
		}
		once, err := o.Prepare(d)
		twice, again := o.Prepare(once)
		if err != nil || again != nil || !slices.Equal(once.Label.Floats, twice.Label.Floats) {
			t.Errorf("%s: prepared twice: %v, %v", c.name, err, again)
		}
		wrong := *c.label
		wrong.Ints = slices.Clone(wrong.Ints)
		wrong.Ints[0] = 3
		if _, err := FitObjective(m, &dataset.Data{Inputs: []dataset.Column{x}, Label: &wrong},
			ObjectiveOptions{Loss: c.loss}); !errors.Is(err, dataset.ErrData) ||
			!strings.Contains(err.Error(), "row 0: class 3 is outside of the graph's 3 classes") {
			t.Errorf("%s, a fourth class: %v", c.name, err)
		}
	}
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
			network.CrossEntropy{Axis: 1}, "accuracy", 3},
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
			if !reflect.DeepEqual(obj.Only().Loss, c.want) || obj.Metric.Name != c.metric || obj.Only().Classes != c.classes {
				t.Fatalf("got %#v by %s of %d classes, want %#v by %s of %d", obj.Only().Loss, obj.Metric.Name, obj.Only().Classes,
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
	if obj := objectiveOf(t, m, d); obj.Only().Output != "scores" {
		t.Errorf("output %q, want scores", obj.Only().Output)
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
		{"metric", intLabel(nil, 0, 1, 1, 2), "", "loudness", "want auto, accuracy, top5, f1"},
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
	if _, err := (Objective{Heads: []objective.Head{{}}}).Prepare(d); !errors.Is(err, dataset.ErrData) {
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
		if obj.Only().Classes != 3 || obj.Only().Loss.(network.CrossEntropy).Axis != 2 {
			t.Errorf("length %d: %d classes along axis %d", common, obj.Only().Classes, obj.Only().Loss.(network.CrossEntropy).Axis)
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

// fitCase is an output and labels, and what they should be taken for.
type fitCase struct {
	name    string
	shape   []int64 // of an output
	op      string  // that computes it
	label   *dataset.Column
	options ObjectiveOptions
	want    network.Loss
	metric  string
	classes int
	ignored []int64
}

// model ends in the operator, over inputs of the shape.
func (c *fitCase) model(t *testing.T) (*onnx.Model, *dataset.Data) {
	shape := make([]int, len(c.shape))
	for i, d := range c.shape {
		shape[i] = int(d)
	}
	d := gatetest.Samples(1, 4, shape...)
	d.Label = c.label
	return ending(t, c.shape, c.op), d
}

// TestTasksThatPeopleHave: labels as people save them, beside the outputs that go with them.
func TestTasksThatPeopleHave(t *testing.T) {
	pixels := intLabel([]int{2, 2}, 0, 1, 2, 255, 0, 0, 1, 1, 2, 2, 2, 2, 255, 255, 255, 255)
	for _, c := range []fitCase{
		{"tokens, some ignored", []int64{2, 5}, "Neg", intLabel([]int{2}, 0, -100, 1, 2, 3, 3, -100, 0), ObjectiveOptions{},
			network.CrossEntropy{Axis: 2}, "accuracy", 5, []int64{-100}},
		{"pixels, void 255", []int64{3, 2, 2}, "Neg", pixels, ObjectiveOptions{}, network.CrossEntropy{Axis: 1}, "accuracy",
			3, []int64{255}},
		{"pixels, by IoU", []int64{3, 2, 2}, "Neg", pixels, ObjectiveOptions{Metric: "miou"},
			network.CrossEntropy{Axis: 1}, "miou", 3, []int64{255}},
		{"background ignored", []int64{3, 2}, "Neg", intLabel([]int{2}, 0, 1, 1, 2, 0, 0, 1, 2),
			ObjectiveOptions{Ignore: []int64{0}}, network.CrossEntropy{Axis: 1}, "accuracy", 3, []int64{0}},
		{"one sample unlabelled", []int64{3}, "Neg", intLabel(nil, 0, -100, 1, 2), ObjectiveOptions{},
			network.CrossEntropy{Axis: 1}, "accuracy", 3, []int64{-100}},
		{"soft labels of pixels", []int64{2, 1, 2}, "Neg", floatLabel([]int{2, 1, 2}, .1, .5, .9, .5, 1, 0, 0, 1, .2, .2, .8, .8,
			0, 0, 1, 1), ObjectiveOptions{}, network.CrossEntropy{Axis: 1}, "accuracy", 2, nil},
		{"a fully convolutional classifier", []int64{3, 1, 1}, "Neg", intLabel(nil, 0, 2, 1, 2), ObjectiveOptions{},
			network.CrossEntropy{Axis: 1}, "accuracy", 3, nil},
		{"several labels of logits", []int64{3}, "Neg", floatLabel([]int{3}, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1),
			ObjectiveOptions{Metric: "f1"}, network.BCE{}, "f1", 0, nil},
		{"several soft labels", []int64{3}, "Sigmoid", floatLabel([]int{3}, 1, .9, 0, 0, 0, .1, 0, 1, 1, 1, 1, 1),
			ObjectiveOptions{}, network.BCE{Form: network.Probabilities}, "accuracy", 0, nil},
		{"a mask of one class", []int64{1, 2}, "Neg", intLabel([]int{2}, 0, 1, 255, 1, 1, 0, 0, 0), ObjectiveOptions{Metric: "miou"},
			network.BCE{}, "miou", 0, []int64{255}},
		{"l1", []int64{2}, "Neg", floatLabel([]int{2}, 0.5, -1, 2, 7, 1, 1, 1, 1), ObjectiveOptions{Loss: "mae"},
			network.MAE{}, "mse", 0, nil},
		{"huber by r2", []int64{2}, "Neg", floatLabel([]int{2}, 0.5, -1, 2, 7, 1, 1, 1, 1),
			ObjectiveOptions{Loss: "huber", HuberDelta: 0.1, Metric: "r2"}, network.Huber{Delta: 0.1}, "r2", 0, nil},
		{"entropy", []int64{3}, "Neg", nil, ObjectiveOptions{Loss: "entropy"}, network.Entropy{Axis: 1}, "loss", 3, nil},
		{"entropy of a sigmoid", []int64{1}, "Sigmoid", nil, ObjectiveOptions{Loss: "entropy"},
			network.Entropy{Form: network.Probabilities, Axis: -1}, "loss", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, d := c.model(t)
			obj := gatetest.Must(FitObjective(m, d, c.options))(t)
			if !reflect.DeepEqual(obj.Only().Loss, c.want) || obj.Metric.Name != c.metric || obj.Only().Classes != c.classes ||
				!slices.Equal(obj.Only().Ignored, c.ignored) {
				t.Fatalf("got %#v by %s of %d classes but for %v, want %#v by %s of %d but for %v", obj.Only().Loss, obj.Metric.Name,
					obj.Only().Classes, obj.Only().Ignored, c.want, c.metric, c.classes, c.ignored)
			}
			whole := scoreOf(t, evaluatorOf(t, d, obj, 3), m)
			if !whole.Finite() || math.IsNaN(whole.Metric) {
				t.Errorf("%+v", whole)
			}
			again := gatetest.Must(obj.Prepare(gatetest.Must(obj.Prepare(d))(t)))(t)
			if s := scoreOf(t, evaluatorOf(t, again, obj, 3), m); !s.Equal(whole) {
				t.Errorf("prepared twice: %+v, once %+v", s, whole)
			}
		})
	}
}

// TestEveryMetricIsCheckedAgainstTheShapes: every loss with every metric on every task either scores or is refused in words.
// A metric of numbers on a classifier used to panic.
func TestEveryMetricIsCheckedAgainstTheShapes(t *testing.T) {
	scored := 0
	for _, c := range []fitCase{
		{name: "classifier", shape: []int64{7}, op: "Neg", label: intLabel(nil, 0, 2, 1, 2)},
		{name: "tagger", shape: []int64{2, 7}, op: "Neg", label: intLabel([]int{2}, 0, 2, 1, 2, 6, 6, -100, 0)},
		{name: "one score", shape: []int64{1}, op: "Neg", label: intLabel(nil, 0, 1, 1, 0)},
		{name: "several labels", shape: []int64{3}, op: "Neg", label: intLabel([]int{3}, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1)},
		{name: "regression", shape: []int64{2}, op: "Neg", label: floatLabel([]int{2}, 0.5, -1, 2, 7, 1, 1, 1, 1)},
		{name: "soft", shape: []int64{2}, op: "Neg", label: floatLabel([]int{2}, .5, .5, 0, 1, 1, 0, .2, .8)},
		{name: "no labels", shape: []int64{3}, op: "Neg"},
	} {
		for _, loss := range objective.Losses() {
			for _, metric := range objective.Metrics() {
				m, d := c.model(t)
				obj, err := FitObjective(m, d, ObjectiveOptions{Loss: loss, Metric: metric})
				switch {
				case err != nil && !errors.Is(err, dataset.ErrData):
					t.Errorf("%s: loss %s, metric %s: %v", c.name, loss, metric, err)
				case err == nil:
					scored++
					if obj.Only().Taught() {
						e := gatetest.Must(NewEnsemble(t.Context(), []*onnx.Model{m}, d, obj, EvaluatorOptions{}))(t)
						d = gatetest.Must(e.Label(t.Context(), d))(t)
					}
					scoreOf(t, evaluatorOf(t, d, obj, 3), m)
				}
			}
		}
	}
	if scored < 50 {
		t.Errorf("only %d combinations were scored", scored)
	}
}

// TestProbabilitiesAreKnownByTheirNumbers: a softmax that is written out, as some exporters do, is no logits.
func TestProbabilitiesAreKnownByTheirNumbers(t *testing.T) {
	b := gatetest.NewBuilder()
	b.In("x", -1, 3)
	b.Node("Exp", "e", []string{"x"})
	b.Node("ReduceSum", "s", []string{"e", "axes"}, gatetest.Int("keepdims", 1))
	b.Ints(t, "axes", 1)
	b.Node("Div", "p", []string{"e", "s"})
	b.Out("p")
	m := b.Model(t)
	d := gatetest.Labelled(gatetest.Samples(1, 9, 3), 3)
	if obj := objectiveOf(t, m, d); obj.Only().Loss != (network.CrossEntropy{Form: network.Probabilities, Axis: 1}) {
		t.Errorf("%#v", obj.Only().Loss)
	}
	d.Label = intLabel(nil, 0, 1, 1, 0, 1, 1, 0, 0, 1)
	for op, want := range map[string]network.Form{"HardSigmoid": network.Probabilities, "Neg": network.Logits} {
		one := gatetest.Samples(1, 9, 1)
		one.Label = d.Label
		if obj := objectiveOf(t, ending(t, []int64{1}, op), one); obj.Only().Loss != (network.BCE{Form: want}) {
			t.Errorf("%s: %#v", op, obj.Only().Loss)
		}
	}
}

// TestSoftmaxHoweverWritten: models that end in a softmax, in one that is written out, and in logits have the same loss,
// whichever of them the objective was fitted to.
func TestSoftmaxHoweverWritten(t *testing.T) {
	build := func(end string) *onnx.Model {
		b := gatetest.NewBuilder()
		b.In("x", -1, 3)
		b.Weight(t, "w", onnx.Float32, 7, 3, 3)
		b.Node("MatMul", "logits", []string{"x", "w"})
		switch end {
		case "Softmax", "LogSoftmax":
			b.Node(end, "p", []string{"logits"}, gatetest.Int("axis", 1))
		case "Div":
			b.Node("Exp", "e", []string{"logits"})
			b.Node("ReduceSum", "s", []string{"e", "axes"}, gatetest.Int("keepdims", 1))
			b.Ints(t, "axes", 1)
			b.Node("Div", "p", []string{"e", "s"})
		default:
			b.Node("Identity", "p", []string{"logits"})
		}
		b.Out("p")
		return b.Model(t)
	}
	ends := []string{"Softmax", "LogSoftmax", "Div", "logits"}
	d := gatetest.Labelled(gatetest.Samples(1, 20, 3), 3)
	var want float64
	for i, first := range ends {
		e := evaluatorOf(t, d, objectiveOf(t, build(first), d), 8)
		for j, other := range ends {
			got := gatetest.Must(e.Score(t.Context(), build(other)))(t).Loss
			if i+j == 0 {
				want = got
			}
			if math.Abs(got-want) > 1e-5 {
				t.Errorf("fitted to %s, %s has loss %g, want %g", first, other, got, want)
			}
		}
	}
}

// TestSeveralOutputsFit: of logits and their softmax the logits are taken, in either order; of two heads one has to be named.
func TestSeveralOutputsFit(t *testing.T) {
	b := gatetest.NewBuilder()
	b.In("x", -1, 3)
	b.Node("Neg", "logits", []string{"x"})
	b.Node("Softmax", "probabilities", []string{"logits"}, gatetest.Int("axis", 1))
	b.Node("Abs", "other", []string{"x"})
	b.Node("ReduceSum", "sum", []string{"x"}, gatetest.Int("keepdims", 1)) // [1,1]: no sample axis
	for _, name := range []string{"probabilities", "logits"} {
		b.Out(name)
	}
	d := gatetest.Labelled(gatetest.Samples(1, 6, 3), 3)
	if obj := objectiveOf(t, b.Model(t), d); obj.Only().Output != "logits" || obj.Only().Sources()[0].At != 1 {
		t.Errorf("output %q at %d", obj.Only().Output, obj.Only().Sources()[0].At)
	}
	b.Out("other")
	m := b.Model(t)
	_, err := FitObjective(m, d, ObjectiveOptions{})
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), `"probabilities", "logits", "other"`) {
		t.Errorf("two heads: %v", err)
	}
	if obj := gatetest.Must(FitObjective(m, d, ObjectiveOptions{Output: "other"}))(t); obj.Only().Output != "other" {
		t.Errorf("output %q", obj.Only().Output)
	}
}

// TestLabelsThatFitByClassesComeFirst: any integer may be read as a number, so a head of one number does not count beside scores.
func TestLabelsThatFitByClassesComeFirst(t *testing.T) {
	b := gatetest.NewBuilder()
	b.In("x", -1, 3)
	b.Node("ReduceMean", "value", []string{"x"}, gatetest.Ints("axes", 1), gatetest.Int("keepdims", 1))
	b.Node("Neg", "scores", []string{"x"})
	b.Node("Concat", "few", []string{"value", "value"}, gatetest.Int("axis", 1)) // classes out of range
	for _, name := range []string{"value", "few", "scores"} {
		b.Out(name)
	}
	d := gatetest.Samples(1, 6, 3)
	d.Label = intLabel(nil, 0, 2, 1, 2, 0, 1)
	if obj := objectiveOf(t, b.Model(t), d); obj.Only().Output != "scores" {
		t.Errorf("output %q", obj.Only().Output)
	}
}
