package network

import "slices"

// branch is an If whose condition depends on the data: only the branch that it chooses runs, so that the other can do no harm.
type branch struct {
	yes, no *block
	cache   map[int]*pulled
}

// dynamicIf lowers both branches to blocks. What they give must have the same type and shape.
func dynamicIf(c *site) error {
	n := newNest(c, []*value{nil})
	var nodes [2][]*node
	var outs [2][]*value
	for i, name := range []string{"then_branch", "else_branch"} {
		g := c.attr(name).GetG()
		if g == nil {
			return c.invalid("it has no %s", name)
		}
		var err error
		if nodes[i], outs[i], err = n.body(g, nil); err != nil {
			return err
		}
	}
	if len(outs[0]) != len(outs[1]) {
		return c.shapeError("its branches have %d and %d outputs", len(outs[0]), len(outs[1]))
	}
	specs := make([]Spec, len(outs[0]))
	for i, v := range outs[0] {
		w := outs[1][i]
		if v.spec.Type != w.spec.Type || !slices.Equal(v.spec.Shape, w.spec.Shape) {
			return c.unsupported("its condition depends on the data and its branches give %s and %s: the shape must not", v.spec, w.spec)
		}
		specs[i] = v.spec
	}
	outs[0], outs[1] = n.localise(nodes[0], outs[0]), n.localise(nodes[1], outs[1])
	return n.add(&branch{n.block(nodes[0], outs[0]), n.block(nodes[1], outs[1]), map[int]*pulled{}}, specs)
}

// chosen is the branch that the condition chooses.
func (b *branch) chosen(in []*Tensor) *block {
	if in[0].I[0] != 0 {
		return b.yes
	}
	return b.no
}

// Forward runs the chosen branch.
func (b *branch) Forward(x *Context, in, out []*Tensor) error {
	body := b.chosen(in)
	if err := body.run(x.Workers, in); err != nil {
		return err
	}
	for k, v := range body.outputs {
		if out[k] != nil {
			copyTensor(out[k], body.read(v))
		}
	}
	return nil
}

// Backward takes dy back through the branch that ran.
func (b *branch) Backward(x *Context, i, k int, in, out []*Tensor, dy, dx *Tensor) error {
	return once(b.cache, x, i, k, dx, func() ([]*Tensor, error) {
		list := make([]*Tensor, len(out))
		list[k] = dy
		return b.chosen(in).pull(list)
	})
}

// GradientProblem says what in the branches a gradient cannot pass.
func (b *branch) GradientProblem() error {
	if err := b.yes.check(); err != nil {
		return err
	}
	return b.no.check()
}

// copyTensor copies the elements of a tensor of the same type and shape.
func copyTensor(dst, src *Tensor) {
	copy(dst.F, src.F)
	copy(dst.I, src.I)
}
