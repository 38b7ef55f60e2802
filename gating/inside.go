package gating

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// SampleShapes returns the shape of one sample, without the batch axis, of each input of a model that the data feeds.
// Of samples of several shapes they are those of the first. Errors are those of finding the inputs.
func (e *Evaluator) SampleShapes(m *onnx.Model) (map[string][]int, error) {
	b, err := e.bind(m)
	if err != nil {
		return nil, err
	}
	shapes := map[string][]int{}
	for _, c := range e.data.Parts()[0].Inputs {
		if name, ok := b.inputs[c.Name]; ok {
			shapes[name] = slices.Clone(c.Shape)
		}
	}
	return shapes, nil
}

// FixedBatch returns the number of samples that a graph was exported for, 0 if it takes any.
func FixedBatch(m *onnx.Model) int { return fixedBatch(m) }

// Values runs a model over all samples and gives take some of the values inside its main graph, by name, batch by
// batch: rows number the samples, in order, and each value has one entry a sample along its first axis. They are good
// until take returns. A value without such an axis is an error of kind network.ErrShape; other errors are those of
// lowering, of the context, and take's own.
func (e *Evaluator) Values(ctx context.Context, m *onnx.Model, names []string,
	take func(rows []int, values []*network.Tensor) error) error {
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return err
	}
	f.config.Outputs, f.activations = names, []objective.Activation{}
	f.evenOut()
	for rows := range f.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		values, err := f.raw(rows, Coefficients{})
		if err != nil {
			return err
		}
		if err := take(rows, values); err != nil {
			return err
		}
	}
	return nil
}
