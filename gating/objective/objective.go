package objective

import (
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Objective is what is learned and what is judged.
type Objective struct {
	Output  string // name of the graph output
	Loss    network.Loss
	Metric  metric.Metric
	Classes int     // number of classes where the output counts them, else 0
	Ignored []int64 // labels of positions that do not count, of those that the data has

	task       metric.Task
	outputAt   int        // where the output is among the graph's
	activation Activation // of the output in the model that the objective was fitted to
	perRow     bool       // classes are of whole samples, not of positions in them
	soft       bool       // labels are probabilities of classes
}

// Place is where the output is among the graph's.
func (o Objective) Place() int { return o.outputAt }

// ofClasses says whether the loss reads scores or probabilities of classes, in whichever form the output has them.
func (o Objective) ofClasses() bool {
	return o.Loss != nil && (o.Loss.Name() == "cross_entropy" || o.Loss.Name() == "bce")
}

// Prepare returns the data with labels as the objective reads them: where the
// output counts classes, one-hot rows and whole numbers stored as floats become
// class indices, and labels that do not count network.Ignored. Labels that name no class of the model are
// an error of kind dataset.ErrData. Everything else is d's own.
func (o Objective) Prepare(d *dataset.Data) (*dataset.Data, error) {
	switch {
	case o.Unlabelled():
		return d, nil
	case d.Label == nil:
		return nil, noLabels()
	case o.soft:
		return relabelled(d, floatLabels), nil
	case o.Classes > 0 && o.perRow:
		d, _ = d.AsClasses(o.Classes) // what is no class is found below
	}
	if len(o.Ignored) > 0 {
		d = relabelled(d, o.ignoring)
	}
	if o.Classes == 0 {
		return d, nil
	}
	return d, d.CheckLabels(o.Classes, network.Ignored)
}

// Unlabelled says whether the objective compares nothing with labels of the data.
func (o Objective) Unlabelled() bool {
	return o.task.Kind == metric.Silent || o.task.Kind == metric.Agreed
}

// Indexed says whether labels are class indices, network.Ignored among them.
func (o Objective) Indexed() bool { return o.task.Kind == metric.Classes && !o.soft }

// relabelled returns the data with labels that a function makes of each part's.
func relabelled(d *dataset.Data, of func(*dataset.Column) *dataset.Column) *dataset.Data {
	var labels []*dataset.Column
	for _, p := range d.Parts() {
		labels = append(labels, of(p.Label))
	}
	return d.WithLabels(labels)
}

// ignoring replaces labels that do not count.
func (o Objective) ignoring(c *dataset.Column) *dataset.Column {
	out := *c
	out.Ints = slices.Clone(c.Ints)
	for i, v := range out.Ints {
		if slices.Contains(o.Ignored, v) {
			out.Ints[i] = network.Ignored
		}
	}
	return &out
}

// floatLabels makes floats of integers.
func floatLabels(c *dataset.Column) *dataset.Column {
	if c.Ints == nil {
		return c
	}
	out := dataset.Column{Name: c.Name, Type: onnx.Float32, Shape: c.Shape, Floats: make([]float32, len(c.Ints))}
	for i, v := range c.Ints {
		out.Floats[i] = float32(v)
	}
	return &out
}

func dataErr(hint, format string, args ...any) error {
	return advice.Errorf(dataset.ErrData, hint, format, args...)
}

func noLabels() error {
	return dataErr("add the labels under the key label, labels, y or target, or name their key with --label; "+
		"--loss entropy needs none", "the data has no labels")
}
