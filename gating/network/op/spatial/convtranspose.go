package spatial

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// convTransposeOps are gradients of convolutions as operators of their own.
var convTransposeOps = op.Family{
	op.WithGradient("ConvTranspose", 1, buildConvTranspose),
}

// convTranspose is ConvTranspose: inputs X [N,C,...], W [C,M/group,...] and
// optional B [M]. It is the gradient of the convolution in geometry, which leads
// from the output's shape to the input's, with respect to that one's input.
type convTranspose struct {
	geometry *kernel.Conv
	layout   op.Channels
}

func buildConvTranspose(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	x, weight := c.In[0].Shape, c.In[1].Shape
	if _, err := spatialShape(c); err != nil {
		return nil, nil, err
	}
	if len(weight) != len(x) || weight[0] != x[1] {
		return nil, nil,
			c.ShapeError("weights have shape %v, want %d input channels first and the rank of the input, %v", weight,
				x[1], x)
	}
	group, err := groups(c, x[1], x[1])
	if err != nil {
		return nil, nil, err
	}
	count := weight[1] * group
	if err := checkKernel(c, weight[2:]); err != nil {
		return nil, nil, err
	}
	if err := c.CheckBias(2, count); err != nil {
		return nil, nil, err
	}
	w, err := transposedWindow(c, weight[2:])
	if err != nil {
		return nil, nil, err
	}
	t := &convTranspose{w.conv(x[0], count, x[1], group),
		op.Channels{Batch: x[0], Count: count, Inner: op.SizeOf(w.in)}}
	return t, []op.Spec{{Type: c.In[0].Type, Shape: append([]int{x[0], count}, w.in...)}}, nil
}

// transposedWindow reads the geometry of the convolution that leads from the
// output to input 0, so that its in is the operator's output.
func transposedWindow(c *op.Call, kernel []int) (*window, error) {
	in, err := spatialShape(c)
	if err != nil {
		return nil, err
	}
	w, err := strides(c, in, kernel)
	if err != nil {
		return nil, err
	}
	extra, err := extents(c, "output_padding", len(in), 0, 0)
	if err != nil {
		return nil, err
	}
	full := make([]int, len(in)) // what the kernel reaches without padding
	for a, d := range in {
		if d == 0 {
			return nil, c.ShapeError("input 0 has shape %v, want no empty spatial axis", c.In[0].Shape)
		}
		full[a] = w.stride[a]*(d-1) + w.reach(a) + extra[a]
	}
	out, err := transposedShape(c, w, full)
	if err != nil {
		return nil, err
	}
	for a, d := range out {
		if d < 1 {
			return nil,
				c.ShapeError("the pads %v and %v leave nothing of the output %v on axis %d", w.padBegin, w.padEnd, full,
					a+2)
		}
	}
	w.in, w.out = out, in
	return w, nil
}

// transposedShape returns the output's spatial shape and sets the padding: as
// pads says, or whatever leads to output_shape or, with auto_pad SAME, to strides times the input.
func transposedShape(c *op.Call, w *window, full []int) ([]int, error) {
	mode := c.Text("auto_pad", "NOTSET")
	if err := w.pad(c); err != nil {
		return nil, err
	}
	out, err := wantedShape(c, len(full))
	if err != nil {
		return nil, err
	}
	if out == nil && mode != "SAME_UPPER" && mode != "SAME_LOWER" {
		out = make([]int, len(full))
		for a := range out {
			out[a] = full[a] - w.padBegin[a] - w.padEnd[a]
		}
		return out, nil
	}
	if out == nil {
		out = make([]int, len(full))
		for a := range out {
			out[a] = min(w.in[a]*w.stride[a], full[a]) // ONNX Runtime adds nothing behind what the kernel reaches
		}
	}
	if mode != "SAME_UPPER" {
		mode = "SAME_LOWER"
	}
	for a := range out {
		w.share(a, max(0, full[a]-out[a]), mode)
	}
	return out, nil
}

// wantedShape reads output_shape, with or without batch and channels; nil where it is absent.
func wantedShape(c *op.Call, axes int) ([]int, error) {
	list := c.IntList("output_shape", nil)
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) == axes+2 {
		list = list[2:]
	}
	if len(list) != axes {
		return nil, c.ShapeError("output_shape is %v, want %d numbers", list, axes)
	}
	out := make([]int, axes)
	for a, d := range list {
		if d < 1 || d > op.MaxExtent {
			return nil, c.ShapeError("output_shape is %v, want numbers from 1 to %d", list, op.MaxExtent)
		}
		out[a] = int(d)
	}
	return out, nil
}

// Forward computes Y.
func (t *convTranspose) Forward(x *op.Context, in, out []*op.Tensor) error {
	y := out[0].F
	t.geometry.BackwardInput(x.Workers, y, in[0].F, in[1].F)
	if bias := op.Optional(in, 2); bias != nil {
		ones := make([]float32, t.layout.Count)
		for i := range ones {
			ones[i] = 1
		}
		kernel.ScaleShift(x.Workers, y, y, ones, bias, t.layout.Batch, t.layout.Count, t.layout.Inner)
	}
	return nil
}

// Backward computes the gradient of X, W or B.
func (t *convTranspose) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	switch i {
	case 0:
		t.geometry.Forward(x.Workers, dx.F, dy.F, in[1].F, nil)
	case 1:
		t.geometry.BackwardWeight(x.Workers, dx.F, in[0].F, dy.F)
	default:
		t.layout.Sums(x, dy.F, nil, func(c int, sum float64) { dx.F[c] = float32(sum) })
	}
	return nil
}

// GradientReads says what Backward reads.
func (*convTranspose) GradientReads(i, _ int) op.Reads { return op.OtherOperand(i) }
