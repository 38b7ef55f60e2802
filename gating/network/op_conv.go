package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// convOps are convolutions over one to three spatial axes.
var convOps = family{
	full("Conv", 1, buildConv),
}

// conv is Conv: inputs X [N,C,...], W [M,C/group,...] and optional B [M].
type conv struct{ geometry *kernel.Conv }

func buildConv(c *call) (Operator, []Spec, error) {
	g, specs, err := convGeometry(c)
	return &conv{g}, specs, err
}

// convGeometry reads the geometry of a convolution, and the spec of its output.
func convGeometry(c *call) (*kernel.Conv, []Spec, error) {
	if err := c.needFloats(2); err != nil {
		return nil, nil, err
	}
	x, weight := c.in[0].Shape, c.in[1].Shape
	if _, err := c.spatialShape(); err != nil {
		return nil, nil, err
	}
	if len(weight) != len(x) {
		return nil, nil, c.shapeError("weights have shape %v, want the rank of the input, %v", weight, x)
	}
	group, err := c.groups(x[1], weight[0])
	if err != nil {
		return nil, nil, err
	}
	if weight[1]*group != x[1] {
		return nil, nil, c.shapeError("weights have shape %v: %d input channels in each of %d groups, input 0 has %v", weight, weight[1], group, x)
	}
	if err := c.checkKernel(weight[2:]); err != nil {
		return nil, nil, err
	}
	if err := c.checkBias(2, weight[0]); err != nil {
		return nil, nil, err
	}
	w, err := c.window(weight[2:], false, 0)
	if err != nil {
		return nil, nil, err
	}
	return w.conv(x[0], x[1], weight[0], group), []Spec{{c.in[0].Type, w.over(x[0], weight[0])}}, nil
}

// conv is the geometry of a convolution for the kernel package.
func (w *window) conv(batch, in, out, group int) *kernel.Conv {
	return &kernel.Conv{
		Batch: batch, InChannels: in, OutChannels: out, Groups: group,
		In: w.in, Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation, PadBegin: w.padBegin, PadEnd: w.padEnd, Out: w.out,
	}
}

// groups reads the attribute group, which must divide both numbers of channels.
func (c *call) groups(in, out int) (int, error) {
	group := c.int("group", 1)
	if group < 1 || group > maxExtent || in%int(group) != 0 || out%int(group) != 0 {
		return 0, c.shapeError("group is %d, want a number that divides %d input and %d output channels", group, in, out)
	}
	return int(group), nil
}

// checkKernel compares the attribute kernel_shape, where it is there, with the weights' shape.
func (c *call) checkKernel(shape []int) error {
	given := c.intList("kernel_shape", nil)
	if given != nil && !slices.EqualFunc(given, shape, func(a int64, b int) bool { return a == int64(b) }) {
		return c.shapeError("kernel_shape is %v, the weights' is %v", given, shape)
	}
	return nil
}

// Forward computes Y.
func (v *conv) Forward(x *Context, in, out []*Tensor) error {
	v.geometry.Forward(x.Workers, out[0].F, in[0].F, in[1].F, optional(in, 2))
	return nil
}

// Backward computes the gradient of X, W or B.
func (v *conv) Backward(x *Context, i, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	switch i {
	case 0:
		v.geometry.BackwardInput(x.Workers, dx.F, dy.F, in[1].F)
	case 1:
		v.geometry.BackwardWeight(x.Workers, dx.F, dy.F, in[0].F)
	default:
		v.geometry.BackwardBias(x.Workers, dx.F, dy.F)
	}
	return nil
}

// GradientReads says what Backward reads.
func (*conv) GradientReads(i, _ int) reads { return otherOperand(i) }
