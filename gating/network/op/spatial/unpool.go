package spatial

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// maxUnpool is MaxUnpool: the elements of X go to the flat indices of input 1 in
// an output of zeros. Of several elements at one place the last counts.
type maxUnpool struct {
	counted []int // the shape that indices count in, no longer than the output's along any axis
	at      []int // where each element of X went
}

func buildMaxUnpool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	if !c.In[0].IsFloat() || c.In[1].IsFloat() || !slices.Equal(c.In[0].Shape, c.In[1].Shape) {
		return nil, nil,
			c.ShapeError("inputs are %s and %s, want floats and as many integers", c.In[0].Spec, c.In[1].Spec)
	}
	size, err := kernelShape(c)
	if err != nil {
		return nil, nil, err
	}
	in := c.In[0].Shape[2:]
	w, err := strides(c, in, size)
	if err != nil {
		return nil, nil, err
	}
	if err := w.pad(c); err != nil {
		return nil, nil, err
	}
	shape := slices.Clone(c.In[0].Shape)
	for a, d := range in {
		shape[a+2] = (d-1)*w.stride[a] + w.reach(a) - w.padBegin[a] - w.padEnd[a]
	}
	if slices.Min(shape) < 0 {
		return nil, nil, c.ShapeError("the pads leave nothing of the output: shape %v", shape)
	}
	operator := &maxUnpool{counted: shape}
	if c.Has(2) {
		if shape, err = unpooledShape(c, shape); err != nil {
			return nil, nil, err
		}
		if pooledFrom(c, shape) {
			operator.counted = shape
		}
	}
	return operator, []op.Spec{{Type: c.In[0].Type, Shape: shape}}, nil
}

// unpooledShape reads output_shape, which may be longer than the shape that follows from the window.
func unpooledShape(c *op.Call, window []int) ([]int, error) {
	list, err := c.Ints(2)
	if err != nil {
		return nil, err
	}
	if len(list) != len(window) {
		return nil, c.ShapeError("output_shape is %v, want %d numbers", list, len(window))
	}
	shape := make([]int, len(list))
	for a, v := range list {
		if v < int64(window[a]) || v > op.MaxExtent || a < 2 && v != int64(window[a]) {
			return nil,
				c.ShapeError("output_shape is %v, want none smaller than the %v that the window gives", list, window)
		}
		shape[a] = int(v)
	}
	return shape, nil
}

// pooledFrom says whether the indices come from a MaxPool of a tensor of the shape: then they count in it. Else they
// count in the shape that follows from the window, as ONNX's own case of output_shape has them.
func pooledFrom(c *op.Call, shape []int) bool {
	from := c.In[1].Origin
	return from.Op == "MaxPool" && slices.Equal(from.Shape, shape)
}

// locate finds where each element goes.
func (u *maxUnpool) locate(index []int64, shape []int) error {
	u.at = op.Resize(u.at, len(index))
	size := int64(op.SizeOf(u.counted))
	for i, v := range index {
		if v < 0 || v >= size {
			return fmt.Errorf("index %d of an output with %d elements", v, size)
		}
		rest, step := int(v), 1
		u.at[i] = 0
		for a := len(shape) - 1; a >= 0; a-- {
			u.at[i] += rest % u.counted[a] * step
			rest, step = rest/u.counted[a], step*shape[a]
		}
	}
	return nil
}

// Forward scatters X.
func (u *maxUnpool) Forward(_ *op.Context, in, out []*op.Tensor) error {
	clear(out[0].F)
	if err := u.locate(in[1].I, out[0].Shape); err != nil {
		return err
	}
	for i, at := range u.at {
		out[0].F[at] = in[0].F[i]
	}
	return nil
}

// Backward gathers dy.
func (u *maxUnpool) Backward(_ *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	for i, at := range u.at {
		dx.F[i] = dy.F[at]
	}
	return nil
}
