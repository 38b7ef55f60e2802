package search

import (
	"math"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// ReportObjective says what was learned and judged.
type ReportObjective struct {
	Output  string `json:"output"` // of the graph, which the loss reads
	Label   string `json:"label"`  // the array, column or kind of file that the labels come from
	Loss    string `json:"loss"`
	Metric  string `json:"metric"`
	Classes int    `json:"classes,omitempty"` // that the output counts
	Layout  string `json:"layout,omitempty"`  // how a detector's outputs are read
	// Ignored are labels of positions that do not count.
	Ignored []int64 `json:"ignored,omitempty"`
	// Ensemble are the models whose answers, on average, take the place of labels.
	Ensemble []string `json:"ensemble,omitempty"`
	// Own says that of the models it is the one that a sample is for whose answer takes the place of its label.
	Own bool `json:"own,omitempty"`
	// Assumed says that nothing tells that the output has scores of classes: there are no labels, and no softmax.
	Assumed bool `json:"assumed,omitempty"`
	// Outputs say it of each, where there are several. Names are then joined by a plus, and the metric is the sum of
	// the losses.
	Outputs []ReportOutput `json:"outputs,omitempty"`
}

// ReportOutput is what was learned and judged of one of several outputs.
type ReportOutput struct {
	ReportObjective
	Weight float64 `json:"weight"` // of its loss
}

// ReportHead is how good a model is by one of several outputs. Loss and metric are null where they are not finite.
type ReportHead struct {
	Loss   *float64 `json:"loss"`
	Metric *float64 `json:"metric"`
}

// HeadFigures are the figures of each output, nil where there is one.
func HeadFigures(s gating.Score) []ReportHead {
	if len(s.Heads) < 2 {
		return nil
	}
	var list []ReportHead
	for _, h := range s.Heads {
		list = append(list, ReportHead{Number(h.Loss), Number(h.Metric)})
	}
	return list
}

// ReportData says what it was learned and judged on.
type ReportData struct {
	Samples int           `json:"samples"`         // that gates learn from
	Judged  int           `json:"judged"`          // that judge
	Folds   int           `json:"folds,omitempty"` // where each sample judges what was learned from the other folds
	Inputs  []ReportInput `json:"inputs"`
}

// ReportInput is what one input of the graph is given.
type ReportInput struct {
	Name  string `json:"name"`
	Type  string `json:"dtype"`
	Shape []int  `json:"shape"` // of one sample; of the first, where they differ
	// Min and Max are of all samples that judge: data that is scaled otherwise than in training shows here. Null
	// where no value is finite.
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
}

// DescribeObjective describes an objective on data with labels.
func DescribeObjective(o gating.Objective, d *dataset.Data) *ReportObjective {
	if len(o.Heads) == 1 {
		return describeHead(o.Heads[0], d.Label)
	}
	r := &ReportObjective{Loss: o.LossName(), Metric: o.Metric.Name}
	var outputs, labels []string
	for i, h := range o.Heads {
		of := ReportOutput{*describeHead(h, d.LabelAt(i)), h.Weight}
		r.Outputs = append(r.Outputs, of)
		outputs, labels = append(outputs, of.Output), append(labels, of.Label)
	}
	r.Output, r.Label = strings.Join(outputs, "+"), strings.Join(labels, "+")
	return r
}

// describeHead describes one head of an objective.
func describeHead(h objective.Head, label *dataset.Column) *ReportObjective {
	r := &ReportObjective{Output: h.Name(), Loss: h.Loss.Name(), Metric: h.Metric.Name, Classes: h.Classes,
		Layout: h.Layout(), Assumed: h.Assumed}
	if len(h.Ignored) > 0 {
		r.Ignored = h.Ignored
	}
	if label != nil && !h.Unlabelled() {
		r.Label = label.Name
	}
	return r
}

// DescribeData describes what learns, nil if nothing does, and what judges.
func DescribeData(learn, judge *dataset.Data) *ReportData {
	r := &ReportData{Judged: judge.Len(), Inputs: []ReportInput{}}
	if learn != nil {
		r.Samples = learn.Len()
	}
	parts := judge.Parts()
	for i, c := range parts[0].Inputs {
		in := ReportInput{Name: c.Name, Type: c.Type.String(), Shape: append([]int{}, c.Shape...)}
		least, most := math.Inf(1), math.Inf(-1)
		for _, p := range parts {
			least, most = extremes(p.Inputs[i].Floats, least, most)
			least, most = extremes(p.Inputs[i].Ints, least, most)
		}
		in.Min, in.Max = Number(least), Number(most)
		r.Inputs = append(r.Inputs, in)
	}
	return r
}

// extremes widens a range to the finite numbers of a list.
func extremes[T float32 | int64](list []T, least, most float64) (float64, float64) {
	for _, v := range list {
		if f := float64(v); onnx.Finite(f) {
			least, most = min(least, f), max(most, f)
		}
	}
	return least, most
}
