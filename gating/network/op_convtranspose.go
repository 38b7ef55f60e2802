package network

import "github.com/softmerge/softmerge/gating/kernel"

// convTransposeOps are gradients of convolutions as operators of their own.
var convTransposeOps = family{
	full("ConvTranspose", 1, buildConvTranspose),
}

// convTranspose is ConvTranspose: inputs X [N,C,...], W [C,M/group,...] and
// optional B [M]. It is the gradient of the convolution in geometry, which leads
// from the output's shape to the input's, with respect to that one's input.
type convTranspose struct {
	geometry *kernel.Conv
	layout   channels
}

func buildConvTranspose(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(2); err != nil {
		return nil, nil, err
	}
	x, weight := c.in[0].Shape, c.in[1].Shape
	if _, err := c.spatialShape(); err != nil {
		return nil, nil, err
	}
	if len(weight) != len(x) || weight[0] != x[1] {
		return nil, nil, c.shapeError("weights have shape %v, want %d input channels first and the rank of the input, %v", weight, x[1], x)
	}
	group, err := c.groups(x[1], x[1])
	if err != nil {
		return nil, nil, err
	}
	count := weight[1] * group
	if err := c.checkKernel(weight[2:]); err != nil {
		return nil, nil, err
	}
	if err := c.checkBias(2, count); err != nil {
		return nil, nil, err
	}
	w, err := c.transposedWindow(weight[2:])
	if err != nil {
		return nil, nil, err
	}
	t := &convTranspose{w.conv(x[0], count, x[1], group), channels{x[0], count, sizeOf(w.in)}}
	return t, []Spec{{c.in[0].Type, append([]int{x[0], count}, w.in...)}}, nil
}

// transposedWindow reads the geometry of the convolution that leads from the
// output to input 0, so that its in is the operator's output.
func (c *call) transposedWindow(kernel []int) (*window, error) {
	in, err := c.spatialShape()
	if err != nil {
		return nil, err
	}
	w, err := c.strides(in, kernel)
	if err != nil {
		return nil, err
	}
	extra, err := c.extents("output_padding", len(in), 0, 0)
	if err != nil {
		return nil, err
	}
	full := make([]int, len(in)) // what the kernel reaches without padding
	for a, d := range in {
		if d == 0 {
			return nil, c.shapeError("input 0 has shape %v, want no empty spatial axis", c.in[0].Shape)
		}
		full[a] = w.stride[a]*(d-1) + w.reach(a) + extra[a]
	}
	out, err := c.transposedShape(w, full)
	if err != nil {
		return nil, err
	}
	for a, d := range out {
		if d < 1 {
			return nil, c.shapeError("the pads %v and %v leave nothing of the output %v on axis %d", w.padBegin, w.padEnd, full, a+2)
		}
	}
	w.in, w.out = out, in
	return w, nil
}

// transposedShape returns the output's spatial shape and sets the padding: as
// pads says, or whatever leads to output_shape or, with auto_pad SAME, to strides times the input.
func (c *call) transposedShape(w *window, full []int) ([]int, error) {
	mode := c.string("auto_pad", "NOTSET")
	if err := w.pad(c); err != nil {
		return nil, err
	}
	out, err := c.wantedShape(len(full))
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
func (c *call) wantedShape(axes int) ([]int, error) {
	list := c.intList("output_shape", nil)
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) == axes+2 {
		list = list[2:]
	}
	if len(list) != axes {
		return nil, c.shapeError("output_shape is %v, want %d numbers", list, axes)
	}
	out := make([]int, axes)
	for a, d := range list {
		if d < 1 || d > maxExtent {
			return nil, c.shapeError("output_shape is %v, want numbers from 1 to %d", list, maxExtent)
		}
		out[a] = int(d)
	}
	return out, nil
}

// Forward computes Y.
func (t *convTranspose) Forward(x *Context, in, out []*Tensor) error {
	y := out[0].F
	t.geometry.BackwardInput(x.Workers, y, in[0].F, in[1].F)
	if bias := optional(in, 2); bias != nil {
		ones := make([]float32, t.layout.count)
		for i := range ones {
			ones[i] = 1
		}
		kernel.ScaleShift(x.Workers, y, y, ones, bias, t.layout.batch, t.layout.count, t.layout.inner)
	}
	return nil
}

// Backward computes the gradient of X, W or B.
func (t *convTranspose) Backward(x *Context, i, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	switch i {
	case 0:
		t.geometry.Forward(x.Workers, dx.F, dy.F, in[1].F, nil)
	case 1:
		t.geometry.BackwardWeight(x.Workers, dx.F, in[0].F, dy.F)
	default:
		t.layout.sums(x, dy.F, nil, func(c int, sum float64) { dx.F[c] = float32(sum) })
	}
	return nil
}

// GradientReads says what Backward reads.
func (*convTranspose) GradientReads(i, _ int) reads { return otherOperand(i) }
