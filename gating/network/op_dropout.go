package network

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// dropoutOps are the identity once training is over.
var dropoutOps = family{
	full("Dropout", 1, buildDropout),
}

// dropout is the identity with a mask of ones as its second output.
type dropout struct{}

// buildDropout follows Dropout of opset 1 (a mask of the input's type), 10 (a bool mask) and 12 (training_mode as
// an input). The attribute is_test of the first form is taken as set: networks are merged as they are used.
func buildDropout(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	if err := c.refuseTraining(); err != nil {
		return nil, nil, err
	}
	if c.nout < 2 {
		return c.asView(0, c.in[0].Spec)
	}
	mask := Spec{c.in[0].Type, slices.Clone(c.in[0].Shape)}
	if c.opset >= 10 {
		mask.Type = onnx.Bool
	}
	return dropout{}, []Spec{c.in[0].Spec, mask}, nil
}

// refuseTraining returns an error if the node drops elements at random.
func (c *call) refuseTraining() error {
	if !c.has(2) {
		return nil
	}
	training, ratio := c.in[2].Const, float32(0.5)
	if training == nil {
		return c.unsupported("input 2 (training_mode) depends on the data; export the model for inference")
	}
	if c.has(1) {
		r, err := c.floats(1)
		if err != nil {
			return err
		}
		if len(r) == 1 {
			ratio = r[0]
		}
	}
	if len(training.I) == 1 && training.I[0] != 0 && ratio != 0 {
		return c.unsupported("training_mode is set: elements would be dropped at random; export the model for inference")
	}
	return nil
}

// Forward copies the input and fills the mask.
func (dropout) Forward(_ *Context, in, out []*Tensor) error {
	if out[0] != nil {
		copy(out[0].F, in[0].F)
	}
	if out[1] != nil {
		for i := range out[1].I {
			out[1].I[i] = 1
		}
		for i := range out[1].F {
			out[1].F[i] = 1
		}
	}
	return nil
}

// Backward passes dy on; the mask depends on nothing.
func (dropout) Backward(_ *Context, _, k int, _, _ []*Tensor, dy, dx *Tensor) error {
	if k == 1 {
		clear(dx.F)
		return nil
	}
	copy(dx.F, dy.F)
	return nil
}
