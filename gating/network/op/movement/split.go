package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// splitOps cut a tensor into several.
var splitOps = op.Family{
	op.WithGradient("Split", 1, buildSplit),
}

// split is the reverse of concat: output k is width[k] elements from offset[k] on of each of count rows of step
// elements.
type split struct {
	count, step   int
	offset, width []int
}

// buildSplit follows Split of opset 1 and 2 (sizes as attribute), 13 (as input) and 18 (num_outputs, whose last part
// may be smaller).
func buildSplit(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	from := c.In[0].Spec
	axis, err := c.Axis("axis", 0, len(from.Shape))
	if err != nil {
		return nil, nil, err
	}
	sizes, err := splitSizes(c, from.Shape[axis])
	if err != nil {
		return nil, nil, err
	}
	inner := op.SizeOf(from.Shape[axis+1:])
	operator := &split{count: op.SizeOf(from.Shape[:axis]), step: from.Shape[axis] * inner}
	var specs []op.Spec
	at := 0
	for _, n := range sizes {
		operator.offset = append(operator.offset, at*inner)
		operator.width = append(operator.width, int(n)*inner)
		shape := slices.Clone(from.Shape)
		shape[axis] = int(n)
		specs = append(specs, op.Spec{Type: from.Type, Shape: shape})
		at += int(n)
	}
	return operator, specs, nil
}

// splitSizes returns the length of each part of an axis of n.
func splitSizes(c *op.Call, n int) ([]int64, error) {
	sizes, ok, err := c.IntsAttrOrInput("split", 1)
	if err != nil {
		return nil, err
	}
	if ok {
		return sizes, checkParts(c, sizes, n)
	}
	parts := int(c.Int("num_outputs", int64(c.Outs)))
	if parts != c.Outs || parts < 1 {
		return nil, c.ShapeError("num_outputs is %d, the node names %d outputs", parts, c.Outs)
	}
	if c.Attr("num_outputs") == nil && n%parts != 0 {
		return nil, c.ShapeError("%d indices do not split into %d equal parts", n, parts)
	}
	size := (n + parts - 1) / parts
	for left := n; len(sizes) < parts; left -= size {
		sizes = append(sizes, int64(min(size, max(left, 0))))
	}
	return sizes, nil
}

func checkParts(c *op.Call, sizes []int64, n int) error {
	left := int64(n)
	for _, s := range sizes {
		if s < 0 || s > left {
			return c.ShapeError("parts %v of an axis of length %d", sizes, n)
		}
		left -= s
	}
	if left != 0 || len(sizes) < c.Outs {
		return c.ShapeError("parts %v of an axis of length %d for %d outputs", sizes, n, c.Outs)
	}
	return nil
}

// Forward copies the columns of every output that is read.
func (op *split) Forward(x *op.Context, in, out []*op.Tensor) error {
	for k, t := range out {
		if t == nil || t.Len() == 0 {
			continue
		}
		if w, at := op.width[k], op.offset[k]; t.Spec().IsFloat() {
			kernel.CopyBlocks(x.Workers, t.F, w, in[0].F[at:], op.step, op.count, w)
		} else {
			kernel.CopyBlocks(x.Workers, t.I, w, in[0].I[at:], op.step, op.count, w)
		}
	}
	return nil
}

// Backward puts dy in the columns of output k and zero elsewhere.
func (op *split) Backward(x *op.Context, _, k int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	clear(dx.F)
	if dy.Len() > 0 {
		kernel.CopyBlocks(x.Workers, dx.F[op.offset[k]:], op.step, dy.F, op.width[k], op.count, op.width[k])
	}
	return nil
}

// GradientReads says what Backward reads.
func (*split) GradientReads(_, _ int) op.Reads { return op.Nothing }
