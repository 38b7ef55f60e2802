package network

import (
	"fmt"
	"slices"
)

// maxUnpool is MaxUnpool: the elements of X go to the flat indices of input 1 in
// an output of zeros. Of several elements at one place the last counts.
type maxUnpool struct{}

func buildMaxUnpool(c *call) (Operator, []Spec, error) {
	if err := c.need(2); err != nil {
		return nil, nil, err
	}
	if !c.in[0].IsFloat() || c.in[1].IsFloat() || !slices.Equal(c.in[0].Shape, c.in[1].Shape) {
		return nil, nil, c.shapeError("inputs are %s and %s, want floats and as many integers", c.in[0].Spec, c.in[1].Spec)
	}
	size, err := c.kernelShape()
	if err != nil {
		return nil, nil, err
	}
	in := c.in[0].Shape[2:]
	w, err := c.strides(in, size)
	if err != nil {
		return nil, nil, err
	}
	if err := w.pad(c); err != nil {
		return nil, nil, err
	}
	shape := slices.Clone(c.in[0].Shape)
	for a, d := range in {
		shape[a+2] = (d-1)*w.stride[a] + w.reach(a) - w.padBegin[a] - w.padEnd[a]
	}
	if c.has(2) {
		if err := c.checkUnpooled(shape); err != nil {
			return nil, nil, err
		}
	}
	if slices.Min(shape) < 0 {
		return nil, nil, c.shapeError("the pads leave nothing of the output: shape %v", shape)
	}
	return maxUnpool{}, []Spec{{c.in[0].Type, shape}}, nil
}

// checkUnpooled accepts an output_shape only if it is the one that follows from
// the window: for others ONNX's cases and ONNX Runtime take the indices differently.
func (c *call) checkUnpooled(shape []int) error {
	want, err := c.ints(2)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(want, shape, func(a int64, b int) bool { return a == int64(b) }) {
		return c.unsupported("output_shape is %v, the window gives %v: what the indices mean is not defined then", want, shape)
	}
	return nil
}

// Forward scatters X.
func (maxUnpool) Forward(_ *Context, in, out []*Tensor) error {
	clear(out[0].F)
	for i, at := range in[1].I {
		if at < 0 || at >= int64(len(out[0].F)) {
			return fmt.Errorf("index %d of an output with %d elements", at, len(out[0].F))
		}
		out[0].F[at] = in[0].F[i]
	}
	return nil
}

// Backward gathers dy.
func (maxUnpool) Backward(_ *Context, _, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	for i, at := range in[1].I {
		dx.F[i] = dy.F[at]
	}
	return nil
}
