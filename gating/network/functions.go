package network

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// binding is a program while it is put on a tape.
type binding struct {
	p       *Program
	tape    *tape.Program
	coeffs  []*tape.Vector
	vectors map[*ir.Value]*tape.Vector // by root
}

// always says that gradients flow everywhere.
func always(_, _ int) bool { return true }

// readNothing is what linear gradients read.
func readNothing(_, _ int) tape.Reads { return tape.Reads{} }

// mixture puts the mixture that a value is on the tape, once.
func (b *binding) mixture(v *ir.Value) {
	if v.Param < 0 || b.vectors[v] != nil {
		return
	}
	param := &b.p.graph.Params[v.Param]
	c := b.coeffs[param.Gate]
	f := &mixFunction{b.p, param, make([]float64, c.Len)}
	b.vectors[v] = b.tape.Apply(tape.Call{
		Op: "mix", Name: param.Name, Function: f, In: []*tape.Vector{c},
		Out: []tape.Shape{{Kind: tape.Floats, Len: v.Spec.Len()}}, Flows: always, Reads: readNothing,
	})[0]
}

// mixFunction is W = sum_j c_j W_j; its gradient is <dW, W_j>.
type mixFunction struct {
	p     *Program
	param *Param
	wide  []float64 // the coefficients, or their gradients, in double precision
}

// Forward mixes.
func (f *mixFunction) Forward(_ uint64, in, out []tape.Data) error {
	for i, c := range in[0].F {
		f.wide[i] = float64(c)
	}
	f.param.Mix(f.p.ctx.Workers, f.wide, out[0].F)
	return nil
}

// Backward computes the inner products.
func (f *mixFunction) Backward(_ uint64, _, _ int, _, _ []tape.Data, dy, dx []float32) error {
	f.param.Gradient(f.p.ctx.Workers, dy, f.wide)
	for i, d := range f.wide {
		dx[i] = float32(d)
	}
	return nil
}

// node puts a node on the tape. Its gated inputs are vectors, the others constants and slots.
func (b *binding) node(n *ir.Node) {
	f := &nodeFunction{p: b.p, n: n}
	call := tape.Call{Op: n.Op, Name: n.Name, Function: f, Flows: f.flows}
	for i, v := range n.In {
		f.in = append(f.in, sourceOf(v))
		if v != nil && v.Gated {
			f.gated = append(f.gated, i)
			call.In = append(call.In, b.vectors[v.Root()])
		}
	}
	for k, v := range n.Out {
		f.out = append(f.out, nil)
		if v != nil {
			f.out[k] = &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
			f.live = append(f.live, k)
			call.Out = append(call.Out, shapeOf(v.Spec))
		}
	}
	if r, ok := n.Run.(op.GradientReader); ok {
		call.Reads = func(i, k int) tape.Reads { return f.reads(r.GradientReads(f.gated[i], f.live[k])) }
	} else {
		call.Own = len(n.Out) > 1 // the gradient through one output may read another
	}
	for i, v := range b.tape.Apply(call) {
		b.vectors[n.Out[f.live[i]]] = v
	}
}

// sourceOf is where a node's input is read: a constant, or a tensor that is pointed at a slot or at the tape's data.
func sourceOf(v *ir.Value) *op.Tensor {
	switch {
	case v == nil:
		return nil
	case v.Known != nil:
		return v.Known
	default:
		return &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
	}
}

// shapeOf is the vector that holds a tensor.
func shapeOf(s op.Spec) tape.Shape {
	if s.IsFloat() {
		return tape.Shape{Kind: tape.Floats, Len: s.Len()}
	}
	return tape.Shape{Kind: tape.Ints, Len: s.Len()}
}

// nodeFunction is an operator of the graph as a function of the inputs that a coefficient reaches.
type nodeFunction struct {
	p     *Program
	n     *ir.Node
	in    []*op.Tensor
	out   []*op.Tensor
	gated []int // which inputs are the function's, in their order
	live  []int // which outputs are
}

// flows says whether a gradient flows to input i through output k.
func (f *nodeFunction) flows(i, k int) bool {
	return f.n.In[f.gated[i]].Grad && f.n.Out[f.live[k]].Grad
}

// reads turns what the operator's gradient reads into what the function's does.
func (f *nodeFunction) reads(need op.Reads) tape.Reads {
	r := tape.Reads{Out: need.Out}
	for c, i := range f.gated {
		if slices.Contains(need.In, i) {
			r.In = append(r.In, c)
		}
	}
	return r
}

// point directs the tensors at this step's elements.
func (f *nodeFunction) point(step uint64, in, out []tape.Data) {
	f.p.ctx.Step = step
	for i, v := range f.n.In {
		if v != nil && !v.Gated && v.Known == nil {
			from := f.p.slots[v.Root()]
			f.in[i].F, f.in[i].I = from.F, from.I
		}
	}
	for c, i := range f.gated {
		f.in[i].F, f.in[i].I = in[c].F, in[c].I
	}
	for c, k := range f.live {
		f.out[k].F, f.out[k].I = out[c].F, out[c].I
	}
}

// Forward runs the operator.
func (f *nodeFunction) Forward(step uint64, in, out []tape.Data) error {
	f.point(step, in, out)
	if err := f.n.Run.Forward(f.p.ctx, f.in, f.out); err != nil {
		return fmt.Errorf("node %q (%s): %w", f.n.Name, f.n.Op, err)
	}
	return nil
}

// Backward runs the operator's gradient.
func (f *nodeFunction) Backward(step uint64, i, k int, in, out []tape.Data, dy, dx []float32) error {
	f.point(step, in, out)
	from, to := f.n.Out[f.live[k]].Spec, f.n.In[f.gated[i]].Spec
	err := f.n.Run.(op.Differentiable).Backward(f.p.ctx, f.gated[i], f.live[k], f.in, f.out,
		&op.Tensor{Type: from.Type, Shape: from.Shape, F: dy}, &op.Tensor{Type: to.Type, Shape: to.Shape, F: dx})
	if err != nil {
		return fmt.Errorf("node %q (%s): gradient: %w", f.n.Name, f.n.Op, err)
	}
	return nil
}
