package spatial

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// convOps are convolutions over one to three spatial axes.
var convOps = op.Family{
	op.WithGradient("Conv", 1, BuildConv),
}

// conv is Conv: inputs X [N,C,...], W [M,C/group,...] and optional B [M].
type conv struct{ geometry *kernel.Conv }

// Geometry returns the geometry of the convolution.
func (c *conv) Geometry() *kernel.Conv { return c.geometry }

// BuildConv follows Conv of opsets 1 to 22, over one to three spatial axes.
func BuildConv(c *op.Call) (op.Operator, []op.Spec, error) {
	g, specs, err := ConvGeometry(c)
	return &conv{g}, specs, err
}

// ConvGeometry reads the geometry of a convolution, and the spec of its output.
func ConvGeometry(c *op.Call) (*kernel.Conv, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	x, weight := c.In[0].Shape, c.In[1].Shape
	if _, err := spatialShape(c); err != nil {
		return nil, nil, err
	}
	if len(weight) != len(x) {
		return nil, nil, c.ShapeError("weights have shape %v, want the rank of the input, %v", weight, x)
	}
	group, err := groups(c, x[1], weight[0])
	if err != nil {
		return nil, nil, err
	}
	if weight[1]*group != x[1] {
		return nil, nil,
			c.ShapeError("weights have shape %v: %d input channels in each of %d groups, input 0 has %v", weight,
				weight[1], group, x)
	}
	if err := checkKernel(c, weight[2:]); err != nil {
		return nil, nil, err
	}
	if err := c.CheckBias(2, weight[0]); err != nil {
		return nil, nil, err
	}
	w, err := newWindow(c, weight[2:], false, 0)
	if err != nil {
		return nil, nil, err
	}
	return w.conv(x[0], x[1], weight[0], group), []op.Spec{{Type: c.In[0].Type, Shape: w.over(x[0], weight[0])}}, nil
}

// conv is the geometry of a convolution for the kernel package.
func (w *window) conv(batch, in, out, group int) *kernel.Conv {
	return &kernel.Conv{
		Batch: batch, InChannels: in, OutChannels: out, Groups: group,
		In: w.in, Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation, PadBegin: w.padBegin, PadEnd: w.padEnd,
		Out: w.out,
	}
}

// groups reads the attribute group, which must divide both numbers of channels.
func groups(c *op.Call, in, out int) (int, error) {
	group := c.Int("group", 1)
	if group < 1 || group > op.MaxExtent || in%int(group) != 0 || out%int(group) != 0 {
		return 0,
			c.ShapeError("group is %d, want a number that divides %d input and %d output channels", group, in, out)
	}
	return int(group), nil
}

// checkKernel compares the attribute kernel_shape, where it is there, with the weights' shape.
func checkKernel(c *op.Call, shape []int) error {
	given := c.IntList("kernel_shape", nil)
	if given != nil && !slices.EqualFunc(given, shape, func(a int64, b int) bool { return a == int64(b) }) {
		return c.ShapeError("kernel_shape is %v, the weights' is %v", given, shape)
	}
	return nil
}

// Forward computes Y.
func (v *conv) Forward(x *op.Context, in, out []*op.Tensor) error {
	v.geometry.Forward(x.Workers, out[0].F, in[0].F, in[1].F, op.Optional(in, 2))
	return nil
}

// Backward computes the gradient of X, W or B.
func (v *conv) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
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
func (*conv) GradientReads(i, _ int) op.Reads { return op.OtherOperand(i) }
