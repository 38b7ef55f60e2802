package objective

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
)

// fitOutput returns the objective for one output, but its metric, or why there is none.
func fitOutput(n Network, d *dataset.Data, output string, o Options) (obj Head, why string,
	err error) {
	g, label, err := clearest(n, d, output, o.Loss)
	if err != nil {
		return obj, "", err
	}
	sets := setsOf(g, label, o.Loss)
	if sets > 0 {
		if d, err = d.MultiHot(sets); err != nil {
			return obj, err.Error(), nil
		}
		o.Loss, label = "bce", d.Parts()[0].Label
	}
	f := fit{graph: g, label: label, data: d, options: o, out: g.Outputs()[0].Spec}
	f.op, f.norm = g.Producer(0)
	obj, why = f.objective()
	if why != "" {
		return obj, fmt.Sprintf("output %q is %s: %s", output, f.out, why), nil
	}
	obj.Output, obj.activation, obj.sets = output, ActivationOf(g, 0), sets
	return obj, "", nil
}

// setsOf is how many classes an output tells of each by itself, where labels are sets of classes, 0 where they are
// none: lists of several lengths are such, and so are lists as long as one another, but not as the output is wide.
func setsOf(g *network.Graph, label *dataset.Column, loss string) int {
	shape := g.Outputs()[0].Shape
	op, _ := g.Producer(0)
	switch {
	case label == nil || label.Ints == nil || len(label.Shape) != 1 || len(shape) != 2 || loss != auto && loss != "bce":
		return 0
	case label.Sets:
		return shape[1]
	case label.Shape[0] != shape[1] && label.Shape[0] > 1 && (op == "Sigmoid" || loss == "bce"):
		return shape[1]
	}
	return 0
}

// clearest lowers the graph for one sample, and returns its label as the loss
// reads it. Of samples of several shapes one is taken whose shape leaves no doubt
// about which axis counts classes, if there is one: sequences as long as there are
// classes have two such axes, and labels of sequences of length 1 may have lost theirs.
func clearest(n Network, d *dataset.Data, output, loss string) (g *network.Graph, label *dataset.Column,
	err error) {
	const tries = 3
	axes := -1
	for part := 0; part < min(tries, len(d.Parts())) && axes != 1; part++ {
		graph, err := n.Lower(part, output)
		if err != nil {
			return nil, nil, err
		}
		column := classLabel(graph, d, part, loss)
		if k := len(classAxes(graph, column)); axes < 0 || axes == 0 && k > 0 || k == 1 {
			g, label, axes = graph, column, k
		}
	}
	return g, label, nil
}

// classLabel returns the label of a part as class indices where the only output
// of g is one row of class scores a sample and the label is one-hot or whole
// numbers; else the label as it is, nil if there is none. Sigmoids of the label's shape say of each class
// by itself whether it is there.
func classLabel(g *network.Graph, d *dataset.Data, part int, loss string) *dataset.Column {
	label := d.Parts()[part].Label
	shape := g.Outputs()[0].Shape
	op, _ := g.Producer(0)
	sigmoids := label != nil && op == "Sigmoid" && len(shape) == 2 && label.Size() == shape[1]
	wanted := loss == "cross_entropy" || loss == auto && !sigmoids
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

// fit is an output beside labels.
type fit struct {
	graph   *network.Graph
	out     network.Spec    // of the output, for one sample
	op      string          // that computes it
	norm    int             // the axis of its softmax, -1 if it is none
	label   *dataset.Column // as the loss reads it
	data    *dataset.Data
	options Options
}

// needsFloats is why an output of integers fits no loss.
const needsFloats = "a loss needs floats, such as the scores before an ArgMax"

// objective returns the loss and what it is about, or why there is none.
func (f *fit) objective() (Head, string) {
	if !f.out.IsFloat() {
		return Head{}, needsFloats
	}
	loss := f.options.Loss
	if NeedsNoLabels(loss) {
		return f.unlabelled(loss)
	}
	if loss == auto {
		loss = f.auto()
	}
	switch loss {
	case "cross_entropy":
		return f.crossEntropy()
	case "bce":
		return f.singles()
	}
	return f.numbers(loss)
}

// elements is how many numbers a sample's output has.
func (f *fit) elements() int { return f.out.Len() / max(1, f.out.Shape0()) }

// auto chooses by the labels: class indices and probabilities of classes want cross-entropy, zeros and ones
// for as many numbers bce, and so do probabilities for sigmoids; other numbers mse.
func (f *fit) auto() string {
	sigmoid := f.op == "Sigmoid"
	if f.classAxis() >= 0 || !sigmoid && f.softAxis() >= 0 {
		return "cross_entropy"
	}
	r := f.labelRange()
	if f.elements() == f.label.Size() && (r.bits || sigmoid && r.unit) {
		return "bce"
	}
	return "mse"
}

// crossEntropy is the objective of class indices, or of probabilities of classes.
func (f *fit) crossEntropy() (Head, string) {
	axis, soft := f.classAxis(), false
	if axis < 0 {
		axis, soft = f.softAxis(), true
	}
	switch {
	case axis < 0 && f.elements() == f.label.Size():
		return Head{}, "no axis of it counts classes of integer labels, and the labels are no probabilities " +
			"that add up to one (several labels at once want --loss bce)"
	case axis < 0:
		return Head{}, "no axis of it counts classes of integer labels"
	}
	o := f.ofClasses(axis)
	o.Loss = network.CrossEntropy{Form: o.task.Form, Axis: axis}
	o.soft = soft
	if !soft {
		o.Ignored = f.ignored(o)
	}
	return o, ""
}

// ofClasses is an objective of classes along an axis.
func (f *fit) ofClasses(axis int) Head {
	classes := f.out.Shape[axis]
	form := map[string]network.Form{"Softmax": network.Probabilities, "LogSoftmax": network.LogProbabilities}[f.op]
	perRow := f.elements() == classes && len(f.data.Parts()) == 1
	return Head{Classes: classes, perRow: perRow, task: metric.Task{Kind: metric.Classes, Form: form, Axis: axis,
		Classes: classes, Positions: !perRow}}
}

// singles is the objective of things that are there or not, each by itself.
func (f *fit) singles() (Head, string) {
	if f.elements() != f.label.Size() {
		return Head{}, f.sizes()
	}
	r := f.labelRange()
	if !r.unit {
		return Head{}, "bce wants labels from 0 to 1" + r.hint
	}
	t := f.ofThings()
	return Head{Loss: network.BCE{Form: t.Form}, task: t, Ignored: r.ignored}, ""
}

// ofThings is a task of single things.
func (f *fit) ofThings() metric.Task {
	t := metric.Task{Kind: metric.Single, Axis: -1}
	if f.op == "Sigmoid" {
		t.Form = network.Probabilities
	}
	t.Positions = len(f.out.Shape) > 2 && f.elements() > f.out.Shape[1]
	return t
}

// numbers is the objective of numbers, by a loss of their differences.
func (f *fit) numbers(loss string) (Head, string) {
	if f.elements() != f.label.Size() {
		return Head{}, f.sizes()
	}
	o := Head{Loss: network.MSE{}, task: metric.Task{Kind: metric.Numbers}}
	switch loss {
	case "mae":
		o.Loss = network.MAE{}
	case "huber":
		o.Loss = network.Huber{Delta: f.options.HuberDelta}
	}
	return o, ""
}

// sizes says that there are not as many labels as numbers.
func (f *fit) sizes() string {
	return fmt.Sprintf("%d numbers a sample, the labels have %d", f.elements(), f.label.Size())
}

// classAxis returns the output axis that counts classes; -1 if none fits. Where
// two do, the axis of the output's own softmax wins, then axis 1, where PyTorch has it.
func (f *fit) classAxis() int {
	fits := classAxes(f.graph, f.label)
	switch {
	case len(fits) == 0:
		return -1
	case slices.Contains(fits, f.norm):
		return f.norm
	}
	return fits[0]
}

// classAxes returns the axes that may count classes: the output's shape without
// one of them is the labels' shape. Axes of length 1 say nothing.
func classAxes(g *network.Graph, label *dataset.Column) []int {
	if label == nil || label.Ints == nil {
		return nil
	}
	shape := g.Outputs()[0].Shape
	var fits []int
	for axis := 1; axis < len(shape); axis++ {
		if shape[axis] > 1 && slices.Equal(long(slices.Delete(slices.Clone(shape[1:]), axis-1, axis)),
			long(label.Shape)) {
			fits = append(fits, axis)
		}
	}
	return fits
}

// long returns a shape without axes of length 1.
func long(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(n int) bool { return n == 1 })
}
