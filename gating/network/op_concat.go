package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// concatOps join tensors.
var concatOps = family{
	full("Concat", 1, buildConcat),
}

// concat joins its inputs along one axis. In memory the output is count rows of
// step elements; input i is width[i] of them from offset[i] on.
type concat struct {
	count, step   int
	offset, width []int
}

// buildConcat follows Concat of opset 1 (axis 1 by default), 4 (axis required) and 11 (negative axes).
func buildConcat(c *call) (Operator, []Spec, error) {
	if err := c.need(max(1, len(c.in))); err != nil {
		return nil, nil, err
	}
	first := c.in[0].Spec
	axis, err := c.axis("axis", 1, len(first.Shape))
	if err != nil {
		return nil, nil, err
	}
	if len(c.in) == 1 {
		return c.asView(0, first)
	}
	shape := slices.Clone(first.Shape)
	shape[axis] = 0
	inner := sizeOf(first.Shape[axis+1:])
	op := &concat{count: sizeOf(first.Shape[:axis])}
	for i, in := range c.in {
		if !joins(in.Shape, first.Shape, axis) || in.Type != first.Type {
			return nil, nil, c.shapeError("input %d is %s, want %s but for axis %d", i, in.Spec, first, axis)
		}
		op.offset = append(op.offset, shape[axis]*inner)
		op.width = append(op.width, in.Shape[axis]*inner)
		shape[axis] += in.Shape[axis]
	}
	op.step = shape[axis] * inner
	return op, []Spec{{first.Type, shape}}, nil
}

// joins says whether two shapes differ at most in one axis.
func joins(a, b []int, axis int) bool {
	return len(a) == len(b) && slices.Equal(a[:axis], b[:axis]) && slices.Equal(a[axis+1:], b[axis+1:])
}

// Forward copies each input to its columns.
func (op *concat) Forward(x *Context, in, out []*Tensor) error {
	for i, t := range in {
		if w, at := op.width[i], op.offset[i]; w == 0 || op.count == 0 {
			continue
		} else if t.Spec().IsFloat() {
			kernel.CopyBlocks(x.Workers, out[0].F[at:], op.step, t.F, w, op.count, w)
		} else {
			kernel.CopyBlocks(x.Workers, out[0].I[at:], op.step, t.I, w, op.count, w)
		}
	}
	return nil
}

// Backward copies input i's columns of dy.
func (op *concat) Backward(x *Context, i, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	if dx.Len() > 0 {
		kernel.CopyBlocks(x.Workers, dx.F, op.width[i], dy.F[op.offset[i]:], op.step, op.count, op.width[i])
	}
	return nil
}

// GradientReads says what Backward reads.
func (*concat) GradientReads(_, _ int) reads { return nothing }
