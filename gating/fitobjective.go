package gating

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// fitOutput returns the objective for one output, or why there is none.
func fitOutput(m *onnx.Model, d *dataset.Data, output string, o ObjectiveOptions) (obj Objective, why string,
	err error) {
	g, label, err := clearest(m, d, output, o.Loss)
	if err != nil {
		return obj, "", err
	}
	obj, why = fitLoss(g, label, o.Loss, unitRange(d))
	if why != "" {
		return obj, fmt.Sprintf("output %q is %s: %s", output, g.Outputs()[0].Spec, why), nil
	}
	obj.Output, obj.activation = output, activationOf(g)
	obj.Metric, err = fitMetric(o.Metric, obj.Loss, classAxis(g, label))
	return obj, "", err
}

// clearest lowers the graph for one sample, and returns its label as the loss
// reads it. Of samples of several shapes one is taken whose shape leaves no doubt
// about which axis counts classes, if there is one: sequences as long as there are
// classes have two such axes, and labels of sequences of length 1 may have lost theirs.
func clearest(m *onnx.Model, d *dataset.Data, output, loss string) (g *network.Graph, label *dataset.Column,
	err error) {
	f, err := (&Evaluator{data: d, objective: Objective{Output: output}}).forward(m, nil, 1)
	if err != nil {
		return nil, nil, err
	}
	const tries = 3
	axes := -1
	for part := 0; part < min(tries, len(f.parts)) && axes != 1; part++ {
		graph, err := f.lower(run{part, f.sizes[part]})
		if err != nil {
			return nil, nil, err
		}
		column := classLabel(graph, d, part, loss)
		if n := len(classAxes(graph, column)); axes < 0 || axes == 0 && n > 0 || n == 1 {
			g, label, axes = graph, column, n
		}
	}
	return g, label, nil
}

// classLabel returns the label of a part as class indices where the only output
// of g is one row of class scores a sample and the label is one-hot or whole
// numbers; else the label as it is. Sigmoids of the label's shape say of each class
// by itself whether it is there.
func classLabel(g *network.Graph, d *dataset.Data, part int, loss string) *dataset.Column {
	label := d.Parts()[part].Label
	shape := g.Outputs()[0].Shape
	op, _ := g.Producer(0)
	sigmoids := op == "Sigmoid" && len(shape) == 2 && label.Size() == shape[1]
	wanted := loss == "cross_entropy" || loss == "auto" && !sigmoids
	if !wanted || len(shape) != 2 || shape[1] < 2 {
		return label
	}
	classes, _ := d.AsClasses(shape[1]) // a class that does not exist is Prepare's to refuse
	for _, p := range classes.Parts() {
		if p.Label.Ints == nil {
			return label
		}
	}
	return classes.Parts()[part].Label
}

// fitLoss returns the loss for a graph's only output, or why there is none. unit says that all labels lie in [0, 1].
func fitLoss(g *network.Graph, label *dataset.Column, loss string, unit bool) (Objective, string) {
	o := g.Outputs()[0]
	if !o.IsFloat() {
		return Objective{}, "a loss needs floats"
	}
	axis := classAxis(g, label)
	elements := o.Len() / max(1, o.Shape0())
	same := elements == label.Size()
	if loss == "auto" {
		loss = autoLoss(g, label, axis, same && unit)
	}
	op, _ := g.Producer(0)
	switch {
	case loss == "cross_entropy" && axis >= 0:
		form := map[string]network.Form{"Softmax": network.Probabilities, "LogSoftmax": network.LogProbabilities}[op]
		return Objective{Loss: network.CrossEntropy{Form: form, Axis: axis}, Classes: o.Shape[axis],
			perRow: len(o.Shape) == 2}, ""
	case loss == "mse" && same:
		return Objective{Loss: network.MSE{}}, ""
	case loss == "bce" && same:
		form := network.Logits
		if op == "Sigmoid" {
			form = network.Probabilities
		}
		return Objective{Loss: network.BCE{Form: form}}, ""
	case loss == "cross_entropy":
		return Objective{}, "no axis of it counts classes of integer labels"
	}
	return Objective{}, fmt.Sprintf("%d numbers a sample, the labels have %d", elements, label.Size())
}

// autoLoss chooses by the labels: class indices want cross-entropy, zeros and
// ones for a single number or a sigmoid want bce, other numbers mse.
func autoLoss(g *network.Graph, label *dataset.Column, axis int, unit bool) string {
	if label.Ints != nil && axis >= 0 {
		return "cross_entropy"
	}
	op, _ := g.Producer(0)
	if unit && (label.Ints != nil || op == "Sigmoid") {
		return "bce"
	}
	return "mse"
}

// unitRange says whether all labels lie in [0, 1].
func unitRange(d *dataset.Data) bool {
	for _, p := range d.Parts() {
		for _, v := range p.Label.Floats {
			if !(v >= 0 && v <= 1) {
				return false
			}
		}
		for _, v := range p.Label.Ints {
			if v < 0 || v > 1 {
				return false
			}
		}
	}
	return true
}

// classAxis returns the output axis that counts classes; -1 if none fits. Where
// two do, the axis of the output's own softmax wins, then axis 1, where PyTorch has it.
func classAxis(g *network.Graph, label *dataset.Column) int {
	fits := classAxes(g, label)
	_, norm := g.Producer(0)
	switch {
	case len(fits) == 0:
		return -1
	case slices.Contains(fits, norm):
		return norm
	}
	return fits[0]
}

// classAxes returns the axes that may count classes: the output's shape without
// one of them is the labels' shape.
func classAxes(g *network.Graph, label *dataset.Column) []int {
	if label.Ints == nil {
		return nil
	}
	shape := g.Outputs()[0].Shape
	var fits []int
	for axis := 1; axis < len(shape); axis++ {
		if shape[axis] > 1 && slices.Equal(slices.Delete(slices.Clone(shape[1:]), axis-1, axis), label.Shape) {
			fits = append(fits, axis)
		}
	}
	return fits
}

// fitMetric returns the named metric, or the one that goes with the loss.
func fitMetric(name string, loss network.Loss, axis int) (Metric, error) {
	if name == "auto" {
		name = "accuracy"
		if loss.Name() == "mse" {
			name = "mse"
		}
	}
	of, ok := metrics[name]
	if !ok {
		return Metric{}, optionErr("metric %q: want auto, accuracy, mse, mae or r2", name)
	}
	if (loss.Name() == "mse") == (name == "accuracy") {
		return Metric{}, dataErr(fits[loss.Name()], "metric %s does not fit loss %s", name, loss.Name())
	}
	if b, ok := loss.(network.BCE); ok {
		return metric.BinaryAccuracy(b.Form), nil
	}
	return of(axis), nil
}

// fits says which metrics count what a loss reads: classes, or numbers.
var fits = map[string]string{
	"cross_entropy": "use --metric accuracy", "bce": "use --metric accuracy", "mse": "use --metric mse, mae or r2",
}
