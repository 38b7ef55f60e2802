package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// Evaluate computes a model's outputs for inputs whose elements are known:
// every node is folded, so shapes may depend on the data. It is slower than a
// Runner, which is for many batches of one shape. Errors are as for Lower.
func Evaluate(m *onnx.Model, inputs map[string]*op.Tensor, w *kernel.Workers) ([]*op.Tensor, error) {
	g, err := Lower(m, Config{Values: inputs, Workers: w})
	if err != nil {
		return nil, err
	}
	outs := make([]*op.Tensor, len(g.lowered.Outputs))
	for i, o := range g.lowered.Outputs {
		if o.Value.Known == nil {
			return nil, fmt.Errorf("output %q depends on an input that is not given: %w", o.Name, op.ErrShape)
		}
		outs[i] = o.Value.Known
	}
	return outs, nil
}
