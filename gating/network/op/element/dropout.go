package element

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// dropoutOps are the identity once training is over.
var dropoutOps = op.Family{
	op.WithGradient("Dropout", 1, buildDropout),
}

// dropout is the identity with a mask of ones as its second output.
type dropout struct{}

// buildDropout follows Dropout of opset 1 (a mask of the input's type), 10 (a bool mask) and 12 (training_mode as
// an input). The attribute is_test of the first form is taken as set: networks are merged as they are used.
func buildDropout(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	if err := refuseTraining(c); err != nil {
		return nil, nil, err
	}
	if c.Outs < 2 {
		return c.AsView(0, c.In[0].Spec)
	}
	mask := op.Spec{Type: c.In[0].Type, Shape: slices.Clone(c.In[0].Shape)}
	if c.Opset >= 10 {
		mask.Type = onnx.Bool
	}
	return dropout{}, []op.Spec{c.In[0].Spec, mask}, nil
}

// refuseTraining returns an error if the node drops elements at random.
func refuseTraining(c *op.Call) error {
	if !c.Has(2) {
		return nil
	}
	training, ratio := c.In[2].Const, float32(0.5)
	if training == nil {
		return c.Unsupported("input 2 (training_mode) depends on the data; export the model for inference")
	}
	if c.Has(1) {
		r, err := c.Floats(1)
		if err != nil {
			return err
		}
		if len(r) == 1 {
			ratio = r[0]
		}
	}
	if len(training.I) == 1 && training.I[0] != 0 && ratio != 0 {
		return c.Unsupported("training_mode is set: elements would be dropped at random; " +
			"export the model for inference")
	}
	return nil
}

// Forward copies the input and fills the mask.
func (dropout) Forward(_ *op.Context, in, out []*op.Tensor) error {
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
func (dropout) Backward(_ *op.Context, _, k int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if k == 1 {
		clear(dx.F)
		return nil
	}
	copy(dx.F, dy.F)
	return nil
}
