package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// concatOps join tensors.
var concatOps = op.Family{
	op.WithGradient("Concat", 1, buildConcat),
}

// concat joins its inputs along one axis. In memory the output is count rows of
// step elements; input i is width[i] of them from offset[i] on.
type concat struct {
	count, step   int
	offset, width []int
}

// buildConcat follows Concat of opset 1 (axis 1 by default), 4 (axis required) and 11 (negative axes).
func buildConcat(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(max(1, len(c.In))); err != nil {
		return nil, nil, err
	}
	first := c.In[0].Spec
	axis, err := c.Axis("axis", 1, len(first.Shape))
	if err != nil {
		return nil, nil, err
	}
	if len(c.In) == 1 {
		return c.AsView(0, first)
	}
	shape := slices.Clone(first.Shape)
	shape[axis] = 0
	inner := op.SizeOf(first.Shape[axis+1:])
	operator := &concat{count: op.SizeOf(first.Shape[:axis])}
	for i, in := range c.In {
		if !joins(in.Shape, first.Shape, axis) || in.Type != first.Type {
			return nil, nil, c.ShapeError("input %d is %s, want %s but for axis %d", i, in.Spec, first, axis)
		}
		operator.offset = append(operator.offset, shape[axis]*inner)
		operator.width = append(operator.width, in.Shape[axis]*inner)
		shape[axis] += in.Shape[axis]
	}
	operator.step = shape[axis] * inner
	return operator, []op.Spec{{Type: first.Type, Shape: shape}}, nil
}

// joins says whether two shapes differ at most in one axis.
func joins(a, b []int, axis int) bool {
	return len(a) == len(b) && slices.Equal(a[:axis], b[:axis]) && slices.Equal(a[axis+1:], b[axis+1:])
}

// Forward copies each input to its columns.
func (op *concat) Forward(x *op.Context, in, out []*op.Tensor) error {
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
func (op *concat) Backward(x *op.Context, i, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if dx.Len() > 0 {
		kernel.CopyBlocks(x.Workers, dx.F, op.width[i], dy.F[op.offset[i]:], op.step, op.count, op.width[i])
	}
	return nil
}

// GradientReads says what Backward reads.
func (*concat) GradientReads(_, _ int) op.Reads { return op.Nothing }
