package network

import (
	"fmt"
	"slices"

	"github.com/chewxy/hm"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

type hmType = hm.Type

// nodeRun is the memory of one gated node while a program runs: its tensors, of
// which the gated inputs are pointed at Gorgonia's values and the others at
// constants and slots.
type nodeRun struct {
	p     *Program
	n     *ir.Node
	in    []*op.Tensor
	out   []*op.Tensor
	value []G.Value // Gorgonia's view of out
	lease []*lease  // memory of out; nil for integers, which keep theirs
	gated []int     // which inputs are children of the Gorgonia nodes, in their order
	step  uint64    // the step that out was computed in
}

// apply adds a node to the expression: one Gorgonia node for each output that
// is read, over the gated inputs as children.
func (p *Program) apply(n *ir.Node, children []*G.Node) error {
	r := &nodeRun{p: p, n: n, out: make([]*op.Tensor, len(n.Out)), value: make([]G.Value, len(n.Out)), lease: make([]*lease, len(n.Out))}
	for i, v := range n.In {
		r.in = append(r.in, p.source(v))
		if v != nil && v.Gated {
			r.gated = append(r.gated, i)
		}
	}
	if len(children) != len(r.gated) {
		return fmt.Errorf("node %q came back from onnx-go with %d inputs, it has %d", n.Name, len(children), len(r.gated))
	}
	for k, v := range n.Out {
		if v == nil {
			continue
		}
		if v.Spec.IsFloat() {
			r.out[k], r.lease[k] = &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}, p.memory.lease(max(1, v.Spec.Len()))
			_, known := n.Run.(op.GradientReader)
			r.lease[k].kept = len(n.Out) > 1 && !known // the gradient through one output may read another
		} else {
			all := op.NewTensor(padded(v.Spec))
			r.out[k], r.value[k] = clipped(all, v.Spec), vectorOf(all)
		}
		expr, err := r.forward(k).Apply(children...)
		if err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		p.exprs[v] = expr
	}
	return nil
}

// source is where a node's input is read: a constant, a slot filled by Load, or
// for a gated input a tensor that is pointed at the child's value in every run.
func (p *Program) source(v *ir.Value) *op.Tensor {
	switch {
	case v == nil:
		return nil
	case v.Known != nil:
		return v.Known
	default:
		return &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
	}
}

// point directs the inputs at this step's elements, of the gated ones only those
// that are given: what others held may belong to somebody else by now.
func (r *nodeRun) point(given []int, in []G.Value) {
	for i, v := range r.n.In {
		if v != nil && !v.Gated && v.Known == nil {
			from := r.p.slots[v.Root()]
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
	op := &VectorOp{Name: r.n.Op + " " + r.n.Name, Out: typeOf(r.n.Out[k].Spec), Len: max(1, r.n.Out[k].Spec.Len())}
	for _, i := range r.gated {
		op.In = append(op.In, typeOf(r.n.In[i].Spec))
		op.Diff = append(op.Diff, r.n.In[i].Grad && r.n.Out[k].Grad)
	}
	op.lease = r.lease[k]
	op.Run = func(in []G.Value) (G.Value, error) {
		if r.step != r.p.ctx.Step {
			r.point(r.gated, in)
			r.takeOutputs()
			if err := r.n.Run.Forward(r.p.ctx, r.in, r.out); err != nil {
				return nil, fmt.Errorf("node %q (%s): %w", r.n.Name, r.n.Op, err)
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
			for _, i := range need.In {
				read = append(read, in[slices.Index(r.gated, i)])
			}
			if need.Out {
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
func (r *nodeRun) backward(i, k int, need op.Reads) *VectorOp {
	spec := r.n.In[i].Spec
	dx := &op.Tensor{Type: spec.Type, Shape: spec.Shape}
	dy := &op.Tensor{Type: r.n.Out[k].Spec.Type, Shape: r.n.Out[k].Spec.Shape}
	operator := &VectorOp{Name: fmt.Sprintf("gradient %d of %s %s", i, r.n.Op, r.n.Name), Out: FloatVector, Len: max(1, spec.Len())}
	operator.lease = r.p.memory.lease(operator.Len)
	for _, g := range need.In {
		operator.In = append(operator.In, typeOf(r.n.In[g].Spec))
	}
	out := r.out
	if need.Out {
		operator.In = append(operator.In, FloatVector)
	} else {
		out = withoutElements(r.out)
	}
	operator.In = append(operator.In, FloatVector)
	operator.Run = func(in []G.Value) (G.Value, error) {
		r.point(need.In, in)
		memory := operator.lease.take()
		dx.F = memory[:spec.Len()]
		dy.F = Floats(in[len(in)-1])[:dy.Len()]
		if err := r.n.Run.(op.Differentiable).Backward(r.p.ctx, i, k, r.in, out, dy, dx); err != nil {
			return nil, fmt.Errorf("node %q (%s): gradient: %w", r.n.Name, r.n.Op, err)
		}
		return NewVector(memory), nil
	}
	return operator
}

// withoutElements is tensors of the same shapes.
func withoutElements(list []*op.Tensor) []*op.Tensor {
	shapes := make([]*op.Tensor, len(list))
	for i, t := range list {
		if t != nil {
			shapes[i] = &op.Tensor{Type: t.Type, Shape: t.Shape}
		}
	}
	return shapes
}

// typeOf is the Gorgonia type of a value.
func typeOf(s op.Spec) hm.Type {
	if s.IsFloat() {
		return FloatVector
	}
	return IntVector
}

// padded is a spec with the elements of s, but at least one: Gorgonia has no empty vectors.
func padded(s op.Spec) op.Spec { return op.Spec{Type: s.Type, Shape: []int{max(1, s.Len())}} }

// clipped is a tensor of spec s over the first elements of t.
func clipped(t *op.Tensor, s op.Spec) *op.Tensor {
	c := &op.Tensor{Type: s.Type, Shape: s.Shape}
	if s.IsFloat() {
		c.F = t.F[:s.Len()]
	} else {
		c.I = t.I[:s.Len()]
	}
	return c
}

// vectorOf is Gorgonia's view of a tensor's elements.
func vectorOf(t *op.Tensor) G.Value {
	if t.Spec().IsFloat() {
		return NewVector(t.F)
	}
	return tensor.New(tensor.WithShape(len(t.I)), tensor.WithBacking(t.I))
}

// readsOf is what the gradient of a node's output k with respect to input i reads,
// inputs only where a coefficient reaches them.
func (r *nodeRun) readsOf(i, k int) op.Reads {
	f, ok := r.n.Run.(op.GradientReader)
	if !ok {
		return op.Reads{In: r.gated, Out: true}
	}
	need := f.GradientReads(i, k)
	need.In = slices.DeleteFunc(slices.Clone(r.gated), func(g int) bool { return !slices.Contains(need.In, g) })
	return need
}
