package search

import (
	"math"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// ReportObjective says what was learned and judged.
type ReportObjective struct {
	Output  string `json:"output"` // of the graph, which the loss reads
	Label   string `json:"label"`  // the array, column or kind of file that the labels come from
	Loss    string `json:"loss"`
	Metric  string `json:"metric"`
	Classes int    `json:"classes,omitempty"` // that the output counts
	// Ignored are labels of positions that do not count.
	Ignored []int64 `json:"ignored,omitempty"`
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
	r := &ReportObjective{Output: o.Output, Loss: o.Loss.Name(), Metric: o.Metric.Name, Classes: o.Classes}
	if len(o.Ignored) > 0 {
		r.Ignored = o.Ignored
	}
	if d.Label != nil && !o.Unlabelled() {
		r.Label = d.Label.Name
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
