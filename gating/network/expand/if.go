package expand

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// branch is an If whose condition depends on the data: only the branch that it chooses runs, so that the other can do
// no harm.
type branch struct {
	yes, no *ir.Block
	cache   map[int]*gradients
}

// dynamicIf lowers both branches to blocks. What they give must have the same type and shape.
func dynamicIf(c *Call) error {
	n := newSubgraphs(c, []*ir.Value{nil})
	var nodes [2][]*ir.Node
	var outs [2][]*ir.Value
	for i, name := range []string{"then_branch", "else_branch"} {
		g := c.Attr(name).GetG()
		if g == nil {
			return c.Invalid("it has no %s", name)
		}
		var err error
		if nodes[i], outs[i], err = n.body(g, nil); err != nil {
			return err
		}
	}
	if len(outs[0]) != len(outs[1]) {
		return c.ShapeError("its branches have %d and %d outputs", len(outs[0]), len(outs[1]))
	}
	specs := make([]op.Spec, len(outs[0]))
	for i, v := range outs[0] {
		w := outs[1][i]
		if v.Spec.Type != w.Spec.Type || !slices.Equal(v.Spec.Shape, w.Spec.Shape) {
			return c.Unsupported("its condition depends on the data and its branches give %s and %s: "+
				"the shape must not",
				v.Spec, w.Spec)
		}
		specs[i] = v.Spec
	}
	outs[0], outs[1] = n.localise(nodes[0], outs[0]), n.localise(nodes[1], outs[1])
	return n.add(&branch{n.block(nodes[0], outs[0]), n.block(nodes[1], outs[1]), map[int]*gradients{}}, specs)
}

// chosen is the branch that the condition chooses.
func (b *branch) chosen(in []*op.Tensor) *ir.Block {
	if in[0].I[0] != 0 {
		return b.yes
	}
	return b.no
}

// Forward runs the chosen branch.
func (b *branch) Forward(x *op.Context, in, out []*op.Tensor) error {
	body := b.chosen(in)
	if err := body.Run(x.Workers, in); err != nil {
		return err
	}
	for k, v := range body.Outputs {
		if out[k] != nil {
			copyTensor(out[k], body.Read(v))
		}
	}
	return nil
}

// Backward takes dy back through the branch that ran.
func (b *branch) Backward(x *op.Context, i, k int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	return once(b.cache, x, i, k, dx, func() ([]*op.Tensor, error) {
		list := make([]*op.Tensor, len(out))
		list[k] = dy
		return b.chosen(in).Backward(list)
	})
}

// GradientProblem says what in the branches a gradient cannot pass.
func (b *branch) GradientProblem() error {
	if err := b.yes.Check(); err != nil {
		return err
	}
	return b.no.Check()
}

// copyTensor copies the elements of a tensor of the same type and shape.
func copyTensor(dst, src *op.Tensor) {
	copy(dst.F, src.F)
	copy(dst.I, src.I)
}
