package network

import (
	"fmt"
	"slices"

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
	lease []*lease  // memory of out; nil for integers, which keep theirs
	gated []int     // which inputs are children of the Gorgonia nodes, in their order
	step  uint64    // the step that out was computed in
}

// apply adds a node to the expression: one Gorgonia node for each output that
// is read, over the gated inputs as children.
func (p *Program) apply(n *node, children []*G.Node) error {
	r := &nodeRun{p: p, n: n, out: make([]*Tensor, len(n.out)), value: make([]G.Value, len(n.out)), lease: make([]*lease, len(n.out))}
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
		if v.spec.IsFloat() {
			r.out[k], r.lease[k] = &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}, p.memory.lease(max(1, v.spec.Len()))
			_, known := n.run.(frugal)
			r.lease[k].kept = len(n.out) > 1 && !known // the gradient through one output may read another
		} else {
			all := NewTensor(padded(v.spec))
			r.out[k], r.value[k] = clipped(all, v.spec), vectorOf(all)
		}
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

// point directs the inputs at this step's elements, of the gated ones only those
// that are given: what others held may belong to somebody else by now.
func (r *nodeRun) point(given []int, in []G.Value) {
	for i, v := range r.n.in {
		if v != nil && !v.gated && v.known == nil {
			from := r.p.slots[v.root()]
			r.in[i].F, r.in[i].I = from.F, from.I
		}
	}
	for _, i := range r.gated {
		r.in[i].F, r.in[i].I = nil, nil
	}
	for c, i := range given {
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
	op.lease = r.lease[k]
	op.Run = func(in []G.Value) (G.Value, error) {
		if r.step != r.p.ctx.Step {
			r.point(r.gated, in)
			r.takeOutputs()
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
			need := r.readsOf(i, k)
			var read G.Nodes
			for _, i := range need.in {
				read = append(read, in[slices.Index(r.gated, i)])
			}
			if need.out {
				read = append(read, out)
			}
			g, err := r.backward(i, k, need).Apply(append(read, grad)...)
			if err != nil {
				return nil, err
			}
			grads[c] = g
		}
		return grads, nil
	}
	return op
}

// takeOutputs claims this step's memory for all outputs.
func (r *nodeRun) takeOutputs() {
	for k, l := range r.lease {
		if l != nil {
			memory := l.take()
			r.out[k].F, r.value[k] = memory[:r.out[k].Len()], NewVector(memory)
		}
	}
}

// backward is the Gorgonia Op of the gradient with respect to input i through output k.
func (r *nodeRun) backward(i, k int, need reads) *VectorOp {
	spec := r.n.in[i].spec
	dx := &Tensor{Type: spec.Type, Shape: spec.Shape}
	dy := &Tensor{Type: r.n.out[k].spec.Type, Shape: r.n.out[k].spec.Shape}
	op := &VectorOp{Name: fmt.Sprintf("gradient %d of %s %s", i, r.n.op, r.n.name), Out: FloatVector, Len: max(1, spec.Len())}
	op.lease = r.p.memory.lease(op.Len)
	for _, g := range need.in {
		op.In = append(op.In, typeOf(r.n.in[g].spec))
	}
	out := r.out
	if need.out {
		op.In = append(op.In, FloatVector)
	} else {
		out = withoutElements(r.out)
	}
	op.In = append(op.In, FloatVector)
	op.Run = func(in []G.Value) (G.Value, error) {
		r.point(need.in, in)
		memory := op.lease.take()
		dx.F = memory[:spec.Len()]
		dy.F = Floats(in[len(in)-1])[:dy.Len()]
		if err := r.n.run.(Differentiable).Backward(r.p.ctx, i, k, r.in, out, dy, dx); err != nil {
			return nil, fmt.Errorf("node %q (%s): gradient: %w", r.n.name, r.n.op, err)
		}
		return NewVector(memory), nil
	}
	return op
}

// withoutElements is tensors of the same shapes.
func withoutElements(list []*Tensor) []*Tensor {
	shapes := make([]*Tensor, len(list))
	for i, t := range list {
		if t != nil {
			shapes[i] = &Tensor{Type: t.Type, Shape: t.Shape}
		}
	}
	return shapes
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

// readsOf is what the gradient of a node's output k with respect to input i reads,
// inputs only where a coefficient reaches them.
func (r *nodeRun) readsOf(i, k int) reads {
	f, ok := r.n.run.(frugal)
	if !ok {
		return reads{in: r.gated, out: true}
	}
	need := f.GradientReads(i, k)
	need.in = slices.DeleteFunc(slices.Clone(r.gated), func(g int) bool { return !slices.Contains(need.in, g) })
	return need
}
