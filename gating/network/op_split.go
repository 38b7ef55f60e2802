package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// splitOps cut a tensor into several.
var splitOps = family{
	full("Split", 1, buildSplit),
}

// split is the reverse of concat: output k is width[k] elements from offset[k] on of each of count rows of step elements.
type split struct {
	count, step   int
	offset, width []int
}

// buildSplit follows Split of opset 1 and 2 (sizes as attribute), 13 (as input) and 18 (num_outputs, whose last part may be smaller).
func buildSplit(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	from := c.in[0].Spec
	axis, err := c.axis("axis", 0, len(from.Shape))
	if err != nil {
		return nil, nil, err
	}
	sizes, err := c.splitSizes(from.Shape[axis])
	if err != nil {
		return nil, nil, err
	}
	inner := sizeOf(from.Shape[axis+1:])
	op := &split{count: sizeOf(from.Shape[:axis]), step: from.Shape[axis] * inner}
	var specs []Spec
	at := 0
	for _, n := range sizes {
		op.offset = append(op.offset, at*inner)
		op.width = append(op.width, int(n)*inner)
		shape := slices.Clone(from.Shape)
		shape[axis] = int(n)
		specs = append(specs, Spec{from.Type, shape})
		at += int(n)
	}
	return op, specs, nil
}

// splitSizes returns the length of each part of an axis of n.
func (c *call) splitSizes(n int) ([]int64, error) {
	sizes, ok, err := c.intsAttrOrInput("split", 1)
	if err != nil {
		return nil, err
	}
	if ok {
		return sizes, c.checkParts(sizes, n)
	}
	parts := int(c.int("num_outputs", int64(c.nout)))
	if parts != c.nout || parts < 1 {
		return nil, c.shapeError("num_outputs is %d, the node names %d outputs", parts, c.nout)
	}
	if c.attr("num_outputs") == nil && n%parts != 0 {
		return nil, c.shapeError("%d indices do not split into %d equal parts", n, parts)
	}
	size := (n + parts - 1) / parts
	for left := n; len(sizes) < parts; left -= size {
		sizes = append(sizes, int64(min(size, max(left, 0))))
	}
	return sizes, nil
}

func (c *call) checkParts(sizes []int64, n int) error {
	left := int64(n)
	for _, s := range sizes {
		if s < 0 || s > left {
			return c.shapeError("parts %v of an axis of length %d", sizes, n)
		}
		left -= s
	}
	if left != 0 || len(sizes) < c.nout {
		return c.shapeError("parts %v of an axis of length %d for %d outputs", sizes, n, c.nout)
	}
	return nil
}

// Forward copies the columns of every output that is read.
func (op *split) Forward(x *Context, in, out []*Tensor) error {
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
func (op *split) Backward(x *Context, _, k int, _, _ []*Tensor, dy, dx *Tensor) error {
	clear(dx.F)
	if dy.Len() > 0 {
		kernel.CopyBlocks(x.Workers, dx.F[op.offset[k]:], op.step, dy.F, op.width[k], op.count, op.width[k])
	}
	return nil
}

// GradientReads says what Backward reads.
func (*split) GradientReads(_, _ int) reads { return nothing }
