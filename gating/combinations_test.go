package gating

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// combined is how many samples the combinations have.
const combined = 12

// outputKind is a way in which networks answer: inputs of a shape, and the operators that make outputs of them.
type outputKind struct {
	name  string
	shape []int64
	ops   []string
}

// outputKinds are those that users have. A detector has two outputs.
func outputKinds() []outputKind {
	return []outputKind{
		{"logits [N,3]", []int64{3}, []string{"Neg"}},
		{"logits of 7 classes", []int64{7}, []string{"Neg"}},
		{"softmax", []int64{3}, []string{"Softmax"}},
		{"softmax written out", []int64{3}, []string{"Softmax", "Neg", "Neg"}},
		{"log-softmax", []int64{3}, []string{"LogSoftmax"}},
		{"sigmoid [N,3]", []int64{3}, []string{"Sigmoid"}},
		{"sigmoid [N,1]", []int64{1}, []string{"Sigmoid"}},
		{"linear [N,1]", []int64{1}, []string{"Neg"}},
		{"linear [N]", nil, []string{"Neg"}},
		{"rectified [N,3]", []int64{3}, []string{"Relu"}},
		{"tokens [N,4,3]", []int64{4, 3}, []string{"Neg"}},
		{"softmax of tokens", []int64{4, 3}, []string{"Softmax"}},
		{"pixels [N,3,2,2]", []int64{3, 2, 2}, []string{"Neg"}},
		{"a mask [N,1,2,2]", []int64{1, 2, 2}, []string{"Sigmoid"}},
		{"boxes and scores [N,6,7]", []int64{6, 7}, []string{"Sigmoid"}},
	}
}

// labelKinds are the labels that users have, and none. Some are awkward: of one class, all ignored, all zero.
func labelKinds() map[string]*dataset.Column {
	ints := func(classes int, shape ...int) *dataset.Column {
		c := intLabel(shape)
		for i := range combined * gatetest.Size(shape) {
			c.Ints = append(c.Ints, int64((i*7/3+i)%classes))
		}
		return c
	}
	floats := func(of func(i int) float64, shape ...int) *dataset.Column {
		c := floatLabel(shape)
		for i := range combined * gatetest.Size(shape) {
			c.Floats = append(c.Floats, float32(of(i)))
		}
		return c
	}
	bit := func(i int) float64 { return float64(i * i / 3 % 2) }
	real := func(i int) float64 { return 3 * math.Sin(float64(5*i)) }
	hot := func(i int) float64 { return map[bool]float64{true: 1}[i%3 == i/3%3] }
	soft := func(i int) float64 { return []float64{.7, .2, .1}[(i+i/3)%3] }
	boxes := func(i int) float64 {
		return []float64{float64(i / 5 % 2), 0.1, 0.2, 0.6 + 0.01*float64(i%7), 0.9}[i%5]
	}
	one, none := ints(1), ints(1)
	for i := range none.Ints {
		none.Ints[i] = network.Ignored
	}
	whole := func(i int) float64 { return float64(i % 3) }
	constant := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	return map[string]*dataset.Column{
		"none": nil, "classes": ints(3), "classes of shape [N,1]": ints(3, 1), "classes as floats": floats(whole),
		"classes of tokens": ints(3, 4), "classes of pixels": ints(3, 2, 2), "one class": one, "all ignored": none,
		"one-hot": floats(hot, 3), "soft": floats(soft, 3), "bits [N]": floats(bit), "bits [N,1]": floats(bit, 1),
		"bits [N,3]": floats(bit, 3), "integer bits [N,3]": ints(2, 3), "a mask": floats(bit, 2, 2),
		"no yes": floats(constant(0), 3), "numbers [N]": floats(real), "numbers [N,1]": floats(real, 1),
		"numbers [N,3]": floats(real, 3), "numbers of tokens": floats(real, 4, 3), "one number": floats(constant(2), 1),
		"boxes": floats(boxes, 2, 5),
	}
}

// TestCombinations walks every loss, metric, kind of label and kind of output: each works, with a finite loss, a metric
// in its range and a gradient that is the slope of the loss, or is refused in words that say what does not fit.
func TestCombinations(t *testing.T) {
	works, refused, labels := map[string]int{}, 0, labelKinds()
	for _, out := range outputKinds() {
		m := ending(t, out.shape, out.ops...)
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			shape := make([]int, len(out.shape))
			for i, n := range out.shape {
				shape[i] = int(n)
			}
			d := gatetest.Samples(9, combined, shape...)
			d.Label = labels[name]
			for _, loss := range objective.Losses() {
				if objective.NeedsNoLabels(loss) && name != "none" && name != "classes" {
					continue // what labels there are makes no difference
				}
				c := combination{t, fmt.Sprintf("%s, label %s, loss %s", out.name, name, loss), m, d, loss, "auto"}
				refused += c.walk(works)
			}
		}
	}
	t.Logf("%v work, %d are refused", works, refused)
	for _, word := range slices.Concat(objective.Losses(), objective.Metrics()) {
		if works[word] == 0 {
			t.Errorf("nothing works with %s", word)
		}
	}
}

// walk tries all metrics, counts those that work, and returns how many do not.
func (c *combination) walk(works map[string]int) (refused int) {
	for _, metric := range objective.Metrics() {
		c.metric = metric
		switch {
		case c.fits():
			works[c.loss]++
			works[metric]++
			c.check()
		case metric == "auto": // no metric does
			return 1
		default:
			refused++
		}
		if c.loss == "auto" { // which is one of the others
			return refused
		}
	}
	return refused
}

// combination is one of each.
type combination struct {
	t            *testing.T
	name         string
	model        *onnx.Model
	data         *dataset.Data
	loss, metric string
}

// fits says whether there is an objective, and checks the words where there is none.
func (c *combination) fits() bool {
	_, err := FitObjective(c.model, c.data, ObjectiveOptions{Loss: c.loss, Metric: c.metric})
	if err == nil {
		return true
	}
	if !errors.Is(err, dataset.ErrData) || advice.Hint(err) == "" || strings.Contains(err.Error(), "%!") {
		c.t.Errorf("%s, metric %s: %v (%q)", c.name, c.metric, err, advice.Hint(err))
	}
	return false
}

// check scores the model, and compares the loss's gradient with its slope.
func (c *combination) check() {
	c.name += ", metric " + c.metric
	defer func() { c.name = strings.TrimSuffix(c.name, ", metric "+c.metric) }()
	obj := gatetest.Must(FitObjective(c.model, c.data, ObjectiveOptions{Loss: c.loss, Metric: c.metric}))(c.t)
	d := c.data
	if obj.Only().Taught() {
		d = c.taught(obj)
	}
	e, err := NewEvaluator(d, obj, EvaluatorOptions{BatchSize: 5, Threads: 1})
	if err != nil {
		c.t.Errorf("%s: %v", c.name, err)
		return
	}
	defer e.Close()
	s, err := e.Score(c.t.Context(), c.model)
	if err != nil || !s.Finite() || !inRange(obj.Metric.Name, s.Metric) {
		c.t.Errorf("%s: loss %v, %s %v: %v", c.name, s.Loss, obj.Metric.Name, s.Metric, err)
	}
	if c.metric == "auto" {
		c.slopes(e)
	}
}

// taught is the data with answers that are not those of the model: of its samples in another order.
func (c *combination) taught(obj Objective) *dataset.Data {
	t := gatetest.Must(NewEnsemble(c.t.Context(), []*onnx.Model{c.model}, c.data, obj, EvaluatorOptions{Threads: 1}))(c.t)
	d := gatetest.Must(t.Label(c.t.Context(), c.data))(c.t)
	label := *d.Label
	label.Floats = slices.Clone(label.Floats)
	for row := range combined {
		from := (row + 5) % combined * label.Size()
		copy(label.Floats[row*label.Size():(row+1)*label.Size()], d.Label.Floats[from:from+label.Size()])
	}
	return d.WithLabels([]*dataset.Column{&label})
}

// inRange says whether a metric has a value that it may have.
func inRange(metric string, v float64) bool {
	switch metric {
	case "r2":
		return v <= 1 && !math.IsInf(v, 0)
	case "accuracy", "auc", "top5", "f1", "f1_micro", "miou", "map", "map50", "agreement":
		return v >= 0 && v <= 1
	case "perplexity":
		return v >= 1
	}
	return v >= 0 && !math.IsInf(v, 0)
}

// slopes compares a loss's gradient with differences of the loss, at a few numbers of the outputs.
func (c *combination) slopes(e *Evaluator) {
	head := e.objective.Only()
	f := gatetest.Must(e.forward(c.model, nil, combined))(c.t)
	rows := make([]int, combined)
	for i := range rows {
		rows[i] = i
	}
	out := gatetest.Must(f.run(rows, Coefficients{}))(c.t)[0]
	target := f.targets(rows)[0]
	dx := make([]float32, out.Len())
	for i := range dx {
		dx[i] = float32(math.NaN())
	}
	if err := head.Loss.Gradient(out, target, 1, dx); err != nil || !onnx.AllFinite(dx) {
		c.t.Errorf("%s: gradient %v: %v", c.name, dx, err)
		return
	}
	if head.Loss.Name() == "detection" { // which prediction is for which object changes with the outputs
		return
	}
	at := func(i int, by float32) float64 {
		moved := &network.Tensor{Type: out.Type, Shape: out.Shape, F: slices.Clone(out.F)}
		moved.F[i] += by
		return gatetest.Must(network.Mean(head.Loss, moved, target))(c.t)
	}
	const step = 1.0 / 1024
	for i := 0; i < out.Len(); i += 1 + out.Len()/3 {
		left, right := (at(i, 0)-at(i, -step))/step, (at(i, step)-at(i, 0))/step
		low, high := math.Min(left, right), math.Max(left, right)
		near := 2e-3 * (1 + math.Abs(left))
		if g := float64(dx[i]); g < low-near || g > high+near {
			c.t.Errorf("%s: gradient %d is %v, slopes %v and %v", c.name, i, g, left, right)
		}
	}
}
