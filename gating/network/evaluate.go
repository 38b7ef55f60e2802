package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// Evaluate computes a model's outputs for inputs whose elements are known:
// every node is folded, so shapes may depend on the data. It is slower than a
// Runner, which is for many batches of one shape. Errors are as for Lower.
func Evaluate(m *onnx.Model, inputs map[string]*Tensor, w *kernel.Workers) ([]*Tensor, error) {
	g, err := Lower(m, Config{Values: inputs, Workers: w})
	if err != nil {
		return nil, err
	}
	outs := make([]*Tensor, len(g.lowered.outputs))
	for i, o := range g.lowered.outputs {
		if o.value.known == nil {
			return nil, fmt.Errorf("output %q depends on an input that is not given: %w", o.Name, ErrShape)
		}
		outs[i] = o.value.known
	}
	return outs, nil
}
