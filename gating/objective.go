package gating

import (
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// Metric is a figure users know, better when larger or when smaller.
type Metric = metric.Metric

// Objective is what is learned and what is judged.
type Objective = objective.Objective

// ObjectiveOptions says what is to be learned and judged. The zero value of a field means its default.
type ObjectiveOptions = objective.Options

// OutputOptions says what is to be learned and judged of one of several outputs.
type OutputOptions = objective.OutputOptions

// FitObjective finds the output that the labels belong to, and the loss and metric for it (see objective.Fit).
// Errors are of kind dataset.ErrData, network.ErrUnsupported where no output can be
// computed, or ErrOption.
func FitObjective(m *onnx.Model, d *dataset.Data, o ObjectiveOptions) (Objective, error) {
	w := kernel.NewWorkers(0)
	defer w.Close()
	return objective.Fit(beside{m, d, w}, d, o)
}

// beside is a model beside data, for an objective to be fitted to both.
type beside struct {
	model   *onnx.Model
	data    *dataset.Data
	workers *kernel.Workers
}

// Outputs lists the graph's outputs.
func (b beside) Outputs() []string { return outputNames(b.model) }

// Lower lowers the graph for samples of a part, one if it takes one.
func (b beside) Lower(part int, outputs ...string) (*network.Graph, error) {
	f, err := b.evaluator(outputs...).forward(b.model, nil, 1)
	if err != nil {
		return nil, err
	}
	return f.lower(run{part, f.sizes[part]})
}

// Answers computes an output for the first samples, of those that have the first one's shape.
func (b beside) Answers(output string, samples int) ([]*network.Tensor, error) {
	list, err := b.evaluator(output).answers(b.model, samples)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (b beside) evaluator(outputs ...string) *Evaluator {
	e := &Evaluator{data: b.data, workers: b.workers}
	for _, name := range outputs {
		e.objective.Heads = append(e.objective.Heads, objective.Head{Output: name})
	}
	return e
}

// answers computes the objective's outputs for the first samples, of those that have the first one's shape, as the
// model gives them: for each output a tensor a run.
func (e *Evaluator) answers(m *onnx.Model, samples int) ([][]*network.Tensor, error) {
	f, err := e.over(e.data.Head(samples).Parts()[0]).forward(m, nil, 1)
	if err != nil {
		return nil, err
	}
	list := make([][]*network.Tensor, len(f.config.Outputs))
	for rows := range f.data.InOrder(f.sizes...) {
		outs, err := f.raw(rows, Coefficients{})
		if err != nil {
			return nil, err
		}
		for i, out := range outs {
			list[i] = append(list[i], &network.Tensor{Shape: slices.Clone(out.Shape), F: slices.Clone(out.F)})
		}
	}
	return list, nil
}
