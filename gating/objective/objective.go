package objective

import (
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Objective is what is learned and what is judged: the losses of its heads, added up.
type Objective struct {
	// Heads read one label of the data each, in its order.
	Heads []Head
	// Metric is what models are judged by: the only head's, of several heads the sum of their losses.
	Metric metric.Metric
}

// Source is an output of the graph that a head reads.
type Source struct {
	Name string
	At   int // its place among the graph's outputs
}

// Only is the only head; where there are several, one of nothing.
func (o Objective) Only() Head {
	if len(o.Heads) != 1 {
		return Head{}
	}
	return o.Heads[0]
}

// Sources lists the outputs that heads read, each once.
func (o Objective) Sources() []Source {
	var list []Source
	for _, h := range o.Heads {
		for _, s := range h.Sources() {
			if !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// JudgedBy is the objective with another metric for one of its heads; false where that does not fit the head's labels.
func (o Objective) JudgedBy(head int, name string) (Objective, bool) {
	m, ok := metric.Named(name, o.Heads[head].task)
	if !ok {
		return o, false
	}
	o.Heads = slices.Clone(o.Heads)
	o.Heads[head].Metric = m
	if len(o.Heads) == 1 {
		o.Metric = m
	}
	return o, true
}

// Outputs are each head's outputs, as places in Sources.
func (o Objective) Outputs() [][]int {
	sources, list := o.Sources(), make([][]int, len(o.Heads))
	for i, h := range o.Heads {
		for _, s := range h.Sources() {
			list[i] = append(list[i], slices.Index(sources, s))
		}
	}
	return list
}

// LossName names the losses that are added up, "" where there is none.
func (o Objective) LossName() string {
	var names []string
	for _, h := range o.Heads {
		names = append(names, h.Loss.Name())
	}
	return strings.Join(names, "+")
}

// Warnings are what the user should know of the labels, of kind dataset.ErrData.
func (o Objective) Warnings() (list advice.Warnings) {
	for _, h := range o.Heads {
		list = append(list, h.Warnings...)
	}
	return list
}

// Unlabelled says whether the objective compares nothing with labels of the data.
func (o Objective) Unlabelled() bool {
	return !slices.ContainsFunc(o.Heads, func(h Head) bool { return !h.Unlabelled() })
}

// Prepare returns the data with labels as the heads read them: where an
// output counts classes, one-hot rows and whole numbers stored as floats become
// class indices, and labels that do not count network.Ignored. Labels that name no class of the model are
// an error of kind dataset.ErrData. Everything else is d's own.
func (o Objective) Prepare(d *dataset.Data) (*dataset.Data, error) {
	if len(o.Heads) == 1 {
		return o.Heads[0].prepare(d)
	}
	out := d
	for i, h := range o.Heads {
		if d.LabelAt(i) == nil {
			return nil, noLabels()
		}
		one, err := h.prepare(d.OnlyLabel(i))
		if err != nil {
			return nil, err
		}
		var labels []*dataset.Column
		for _, p := range one.Parts() {
			labels = append(labels, p.Label)
		}
		if i == 0 {
			out = out.WithLabels(labels)
		} else {
			out = out.WithMore(i-1, labels)
		}
	}
	return out, nil
}
