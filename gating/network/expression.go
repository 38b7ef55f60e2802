package network

import (
	"fmt"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

type hmType = hm.Type

// nodeRun is the memory of one gated node while a program runs: its tensors, of
// which the gated inputs are pointed at Gorgonia's values and the others at
// constants and slots.
type nodeRun struct {
	p     *Program
	n     *node
	in    []*Tensor
	out   []*Tensor
	value []G.Value // Gorgonia's view of out
	gated []int     // which inputs are children of the Gorgonia nodes, in their order
	step  uint64    // the step that out was computed in
}

// apply adds a node to the expression: one Gorgonia node for each output that
// is read, over the gated inputs as children.
func (p *Program) apply(n *node, children []*G.Node) error {
	r := &nodeRun{p: p, n: n, out: make([]*Tensor, len(n.out)), value: make([]G.Value, len(n.out))}
	for i, v := range n.in {
		r.in = append(r.in, p.source(v))
		if v != nil && v.gated {
			r.gated = append(r.gated, i)
		}
	}
	if len(children) != len(r.gated) {
		return fmt.Errorf("node %q came back from onnx-go with %d inputs, it has %d", n.name, len(children), len(r.gated))
	}
	for k, v := range n.out {
		if v == nil {
			continue
		}
		r.out[k] = NewTensor(padded(v.spec))
		r.value[k] = vectorOf(r.out[k])
		r.out[k] = clipped(r.out[k], v.spec)
		expr, err := r.forward(k).Apply(children...)
		if err != nil {
			return fmt.Errorf("node %q (%s): %w", n.name, n.op, err)
		}
		p.exprs[v] = expr
	}
	return nil
}

// source is where a node's input is read: a constant, a slot filled by Load, or
// for a gated input a tensor that is pointed at the child's value in every run.
func (p *Program) source(v *value) *Tensor {
	switch {
	case v == nil:
		return nil
	case v.known != nil:
		return v.known
	default:
		return &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}
	}
}

// point directs the inputs at this step's elements.
func (r *nodeRun) point(in []G.Value) {
	for i, v := range r.n.in {
		if v != nil && !v.gated && v.known == nil {
			from := r.p.slots[v.root()]
			r.in[i].F, r.in[i].I = from.F, from.I
		}
	}
	for c, i := range r.gated {
		t := r.in[i]
		if n := t.Len(); t.Spec().IsFloat() {
			t.F = Floats(in[c])[:n]
		} else {
			t.I = in[c].Data().([]int64)[:n]
		}
	}
}

// forward is the Gorgonia Op of output k. The node computes all its outputs when
// the first of them is asked for in a step.
func (r *nodeRun) forward(k int) *VectorOp {
	op := &VectorOp{Name: r.n.op + " " + r.n.name, Out: typeOf(r.n.out[k].spec), Len: max(1, r.n.out[k].spec.Len())}
	for _, i := range r.gated {
		op.In = append(op.In, typeOf(r.n.in[i].spec))
		op.Diff = append(op.Diff, r.n.in[i].grad && r.n.out[k].grad)
	}
	op.Run = func(in []G.Value) (G.Value, error) {
		if r.step != r.p.ctx.Step {
			r.point(in)
			if err := r.n.run.Forward(r.p.ctx, r.in, r.out); err != nil {
				return nil, fmt.Errorf("node %q (%s): %w", r.n.name, r.n.op, err)
			}
			r.step = r.p.ctx.Step
		}
		return r.value[k], nil
	}
	op.Grad = func(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
		grads := make(G.Nodes, len(in))
		for c, i := range r.gated {
			if !op.Diff[c] {
				continue
			}
			g, err := r.backward(i, k).Apply(append(append(G.Nodes{}, in...), out, grad)...)
			if err != nil {
				return nil, err
			}
			grads[c] = g
		}
		return grads, nil
	}
	return op
}

// backward is the Gorgonia Op of the gradient with respect to input i through output k.
func (r *nodeRun) backward(i, k int) *VectorOp {
	spec := r.n.in[i].spec
	dx := &Tensor{Type: spec.Type, Shape: spec.Shape}
	dy := &Tensor{Type: r.n.out[k].spec.Type, Shape: r.n.out[k].spec.Shape}
	op := &VectorOp{Name: fmt.Sprintf("gradient %d of %s %s", i, r.n.op, r.n.name), Out: FloatVector, Len: max(1, spec.Len())}
	op.lease = r.p.gradients.lease(op.Len)
	for _, g := range r.gated {
		op.In = append(op.In, typeOf(r.n.in[g].spec))
	}
	op.In = append(op.In, FloatVector, FloatVector)
	op.Run = func(in []G.Value) (G.Value, error) {
		r.point(in)
		memory := op.lease.take()
		dx.F = memory[:spec.Len()]
		dy.F = Floats(in[len(in)-1])[:dy.Len()]
		if err := r.n.run.(Differentiable).Backward(r.p.ctx, i, k, r.in, r.out, dy, dx); err != nil {
			return nil, fmt.Errorf("node %q (%s): gradient: %w", r.n.name, r.n.op, err)
		}
		return NewVector(memory), nil
	}
	return op
}

// typeOf is the Gorgonia type of a value.
func typeOf(s Spec) hm.Type {
	if s.IsFloat() {
		return FloatVector
	}
	return IntVector
}

// padded is a spec with the elements of s, but at least one: Gorgonia has no empty vectors.
func padded(s Spec) Spec { return Spec{s.Type, []int{max(1, s.Len())}} }

// clipped is a tensor of spec s over the first elements of t.
func clipped(t *Tensor, s Spec) *Tensor {
	c := &Tensor{Type: s.Type, Shape: s.Shape}
	if s.IsFloat() {
		c.F = t.F[:s.Len()]
	} else {
		c.I = t.I[:s.Len()]
	}
	return c
}

// vectorOf is Gorgonia's view of a tensor's elements.
func vectorOf(t *Tensor) G.Value {
	if t.Spec().IsFloat() {
		return NewVector(t.F)
	}
	return tensor.New(tensor.WithShape(len(t.I)), tensor.WithBacking(t.I))
}
