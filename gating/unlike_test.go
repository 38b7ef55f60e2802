package gating_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// scored is the score of models by the objective that fits the first one.
func scored(t *testing.T, d *dataset.Data, models ...*onnx.Model) (scores []gating.Score, errs []error) {
	t.Helper()
	o := gatetest.Must(gating.FitObjective(models[0], d, gating.ObjectiveOptions{}))(t)
	e := gatetest.Must(gating.NewEvaluator(d, o, gating.EvaluatorOptions{Base: models[0]}))(t)
	defer e.Close()
	for _, m := range models {
		s, err := e.Score(t.Context(), m)
		scores, errs = append(scores, s), append(errs, err)
	}
	return scores, errs
}

// sided subtracts what two layers make of two inputs of one shape: which is which matters.
func sided(t *testing.T, dt onnx.DataType, in ...string) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	for _, name := range in {
		b.In(name, -1, 4)
	}
	left, right := in[0], in[1]
	if strings.HasPrefix(in[0], "r") { // the same network, its inputs listed in the other order
		left, right = in[1], in[0]
	}
	b.Weight(t, "w1", dt, 1, 4, 3)
	b.Weight(t, "w2", dt, 2, 4, 3)
	b.Node("MatMul", "h1", []string{left, "w1"})
	b.Node("MatMul", "h2", []string{right, "w2"})
	b.Node("Sub", "y", []string{"h1", "h2"})
	b.Out("y")
	return b.Model(t)
}

// pairs are samples of two inputs with labels.
func pairs(names ...string) *dataset.Data {
	d := gatetest.Labelled(gatetest.Samples(5, 30, 4), 3)
	other := gatetest.Samples(6, 30, 4).Inputs[0]
	d.Inputs[0].Name, other.Name = names[0], names[1]
	d.Inputs = append(d.Inputs, other)
	return d
}

// TestInputsInAnotherOrder: parents list inputs of one shape in any order under any names; the layers that read them
// say which is which.
func TestInputsInAnotherOrder(t *testing.T) {
	base := sided(t, onnx.Float32, "left", "right")
	for _, names := range [][]string{{"right", "left"}, {"left_1", "right_1"}, {"right_1", "left_1"}} {
		scores, errs := scored(t, pairs("left", "right"), base, sided(t, onnx.Float32, names...))
		if errs[1] != nil || !scores[0].Equal(scores[1]) {
			t.Errorf("inputs %v: %+v, %v, want %+v", names, scores[1], errs[1], scores[0])
		}
	}
}

// oneLayer is x -> MatMul -> the operators given; its input may be of another type.
func oneLayer(t *testing.T, dt onnx.DataType, in string, ops ...string) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.InOf(in, dt, -1, 4)
	b.Weight(t, "w", dt, 1, 4, 3)
	b.Node("MatMul", "h0", []string{in, "w"})
	last := "h0"
	for _, op := range ops {
		var attributes []*onnxpb.AttributeProto
		switch op {
		case "Softmax", "LogSoftmax":
			attributes = append(attributes, gatetest.Int("axis", 1))
		case "Cast":
			attributes = append(attributes, gatetest.Int("to", int64(onnx.Float32)))
		}
		b.Node(op, last+op, []string{last}, attributes...)
		last += op
	}
	b.Out(last)
	return b.Model(t)
}

// TestParentsOfOtherEndings: probabilities beside scores are judged as what they are.
func TestParentsOfOtherEndings(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(5, 30, 4), 3)
	models := []*onnx.Model{
		oneLayer(t, onnx.Float32, "x"), oneLayer(t, onnx.Float32, "x", "Softmax"),
		oneLayer(t, onnx.Float32, "x", "LogSoftmax"), oneLayer(t, onnx.Float32, "x", "Softmax", "Cast"),
	}
	for first := range models {
		list := append([]*onnx.Model{models[first]}, models...)
		scores, errs := scored(t, d, list...)
		for i := range list {
			if errs[i] != nil || math.Abs(scores[i].Loss-scores[0].Loss) > 1e-6 || scores[i].Metric != scores[0].Metric {
				t.Errorf("base %d, model %d: %+v, %v, want %+v", first, i-1, scores[i], errs[i], scores[0])
			}
		}
	}
	for i := range d.Label.Ints {
		d.Label.Ints[i] %= 2
	}
	d.Label = &dataset.Column{Name: "label", Type: onnx.Float32, Shape: []int{3}, Floats: make([]float32, 90)}
	for i := range d.Label.Floats {
		d.Label.Floats[i] = float32(i % 2)
	}
	scores, errs := scored(t, d, oneLayer(t, onnx.Float32, "x", "Sigmoid"), oneLayer(t, onnx.Float32, "x"))
	if errs[1] != nil || math.Abs(scores[0].Loss-scores[1].Loss) > 1e-6 || scores[0].Metric != scores[1].Metric {
		t.Errorf("without a Sigmoid: %+v, %v, want %+v", scores[1], errs[1], scores[0])
	}
}

// TestParentsOfOtherPrecision are fed with the same numbers.
func TestParentsOfOtherPrecision(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(5, 30, 4), 3)
	scores, errs := scored(t, d, oneLayer(t, onnx.Float32, "x"), oneLayer(t, onnx.Float16, "x_3", "Cast"),
		oneLayer(t, onnx.Float64, "x_3"), oneLayer(t, onnx.BFloat16, "x", "Cast"))
	for i, s := range scores {
		if errs[i] != nil || math.Abs(s.Loss-scores[0].Loss) > 2e-2 {
			t.Errorf("model %d: %+v, %v, want %+v", i, s, errs[i], scores[0])
		}
	}
}

// TestParentsThatTakeSomethingElse are refused in words.
func TestParentsThatTakeSomethingElse(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(5, 30, 4), 3)
	_, errs := scored(t, d, oneLayer(t, onnx.Float32, "x"), sided(t, onnx.Float32, "left", "right"))
	if !errors.Is(errs[1], graphmatch.ErrAlign) || !strings.Contains(errs[1].Error(), `"right" (float32[-1 4])`) ||
		!strings.Contains(errs[1].Error(), `"x" (float32[4] a sample)`) {
		t.Errorf("a model of two inputs: %v", errs[1])
	}
}
