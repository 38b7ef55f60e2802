package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// transposeOps put axes in another order.
var transposeOps = op.Family{
	op.WithGradient("Transpose", 1, buildTranspose),
}

// transpose makes axis perm[i] of the input axis i of the output.
type transpose struct {
	from, to      []int // shapes
	perm, inverse []int
}

func buildTranspose(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	perm := make([]int, len(shape))
	for i := range perm {
		perm[i] = len(perm) - 1 - i
	}
	if list := c.IntList("perm", nil); list != nil {
		if len(list) != len(shape) {
			return nil, nil, c.ShapeError("perm %v for an input of rank %d", list, len(shape))
		}
		if _, err := c.CheckAxes(list, len(shape)); err != nil {
			return nil, nil, err
		}
		for i, a := range list {
			perm[i], _ = c.CheckAxis(a, len(shape))
		}
	}
	t := newTranspose(shape, perm)
	if t.keepsOrder() {
		return c.AsView(0, op.Spec{Type: c.In[0].Type, Shape: t.to})
	}
	return t, []op.Spec{{Type: c.In[0].Type, Shape: t.to}}, nil
}

// newTranspose plans a permutation of the axes of a shape.
func newTranspose(shape, perm []int) *transpose {
	t := &transpose{from: shape, perm: perm, to: make([]int, len(perm)), inverse: make([]int, len(perm))}
	for i, p := range perm {
		t.to[i] = shape[p]
		t.inverse[p] = i
	}
	return t
}

// keepsOrder says whether only axes of length 1 move, which moves no element.
func (t *transpose) keepsOrder() bool {
	long := []int{}
	for _, p := range t.perm {
		if t.from[p] != 1 {
			long = append(long, p)
		}
	}
	return slices.IsSorted(long)
}

// Forward permutes the axes.
func (t *transpose) Forward(x *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		kernel.Permute(x.Workers, out[0].F, in[0].F, t.from, t.perm)
	} else {
		kernel.Permute(x.Workers, out[0].I, in[0].I, t.from, t.perm)
	}
	return nil
}

// Backward permutes dy back.
func (t *transpose) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	kernel.Permute(x.Workers, dx.F, dy.F, t.to, t.inverse)
	return nil
}

// GradientReads says what Backward reads.
func (*transpose) GradientReads(_, _ int) op.Reads { return op.Nothing }
