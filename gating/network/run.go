package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Runner runs the forward pass of a graph. It owns the memory of all values
// and is for one caller at a time.
type Runner struct {
	graph  *ir.Graph
	ctx    *op.Context
	values map[*ir.Value]*op.Tensor // by root
	calls  []ir.Step
	mixed  [][]float64        // coefficients the mixtures were last computed with
	shown  map[*ir.Node][]int // by node, the outputs of the graph that it computes; for an observer
	show   func(output int, t *op.Tensor)
	visit  func(*Visit) error // before nodes that read mixtures; for a visitor
}

// NewRunner plans the memory of a forward pass: values whose lives do not
// overlap share a buffer.
func NewRunner(g *Graph, w *kernel.Workers) *Runner { return newRunner(g.lowered, w) }

func newRunner(g *ir.Graph, w *kernel.Workers) *Runner {
	r := &Runner{graph: g, ctx: &op.Context{Workers: w}, values: map[*ir.Value]*op.Tensor{}}
	r.plan(newBufferPlan(g, g.Outputs))
	return r
}

// plan gives every value its memory.
func (r *Runner) plan(plan *bufferPlan) {
	g := r.graph
	for _, v := range g.Inputs {
		r.values[v] = &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
	}
	for i, n := range g.Nodes {
		c := ir.Step{Node: n}
		for _, v := range n.Out {
			c.Out = append(c.Out, r.output(v, plan))
		}
		for _, v := range n.In {
			c.In = append(c.In, r.tensor(v))
		}
		plan.release(i)
		r.calls = append(r.calls, c)
	}
	plan.allocate()
	for _, o := range g.Outputs {
		r.tensor(o.Value.Root()) // an output may be a mixture that no node reads
	}
}

// output gives a value a place in the plan.
func (r *Runner) output(v *ir.Value, plan *bufferPlan) *op.Tensor {
	if v == nil {
		return nil
	}
	t := &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
	plan.place(v, t)
	r.values[v] = t
	return t
}

// tensor returns where the elements of a value are at run time. Views are
// resolved in Run, once buffers are known.
func (r *Runner) tensor(v *ir.Value) *op.Tensor {
	switch {
	case v == nil:
		return nil
	case v.Known != nil:
		return v.Known
	case v.View != nil:
		r.tensor(v.Root())
		return &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
	case v.Param >= 0 && r.values[v] == nil:
		r.values[v] = op.NewTensor(v.Spec)
	}
	return r.values[v]
}

// Run computes the graph's outputs. inputs holds one tensor for each name of
// InputNames, of exactly the lowered type and shape; coeffs holds for each group
// of coefficients J*units numbers, parent by parent (nil where the graph has no
// mixtures). The outputs are valid until the next Run.
func (r *Runner) Run(inputs map[string]*op.Tensor, coeffs [][]float64) (outs []*op.Tensor, err error) {
	var at *ir.Node
	defer func() {
		if p := recover(); p != nil {
			err = &op.NodeError{Node: nameOf(at), Op: opOf(at), Kind: op.ErrShape,
				Msg: fmt.Sprintf("internal check failed: %v", p)}
		}
	}()
	if err := r.bind(inputs, coeffs); err != nil {
		return nil, err
	}
	r.ctx.Step++
	for i := range r.calls {
		c := &r.calls[i]
		at = c.Node
		r.bindViews(c)
		if r.visit != nil {
			if err := r.visits(c); err != nil {
				return nil, err
			}
		}
		if err := c.Node.Run.Forward(r.ctx, c.In, c.Out); err != nil {
			return nil, &op.NodeError{Node: at.Name, Op: at.Op, Kind: op.ErrShape, Msg: err.Error()}
		}
		for _, o := range r.shown[at] {
			r.show(o, r.read(r.graph.Outputs[o].Value))
		}
	}
	if r.show != nil {
		return nil, nil
	}
	for _, o := range r.graph.Outputs {
		outs = append(outs, r.read(o.Value))
	}
	return outs, nil
}

// bind checks and sets the inputs and computes the mixtures.
func (r *Runner) bind(inputs map[string]*op.Tensor, coeffs [][]float64) error {
	for _, v := range r.graph.Inputs {
		t := inputs[v.Input]
		if t == nil {
			return fmt.Errorf("input %q is not given: %w", v.Input, op.ErrShape)
		}
		if !slices.Equal(t.Shape, v.Spec.Shape) || t.Spec().IsFloat() != v.Spec.IsFloat() {
			return fmt.Errorf("input %q is %s, want %s: %w", v.Input, t.Spec(), v.Spec, op.ErrShape)
		}
		r.values[v].F, r.values[v].I = t.F, t.I
	}
	for v, t := range r.values {
		if v.Param < 0 {
			continue
		}
		p := &r.graph.Params[v.Param]
		if p.Gate >= len(coeffs) {
			return fmt.Errorf("tensor %q: no coefficients given for group %d: %w", p.Name, p.Gate, op.ErrShape)
		}
		if r.mixed == nil || !sameFloats(r.mixed[p.Gate], coeffs[p.Gate]) {
			p.Mix(r.ctx.Workers, coeffs[p.Gate], t.F)
		}
	}
	r.mixed = make([][]float64, len(coeffs))
	for i, c := range coeffs {
		r.mixed[i] = slices.Clone(c)
	}
	return nil
}

// sameFloats compares bit for bit, so that NaN equals itself.
func sameFloats(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// bindViews points inputs that are views at the elements of their roots.
func (r *Runner) bindViews(c *ir.Step) {
	for i, v := range c.Node.In {
		if v != nil && v.View != nil {
			from := r.values[v.Root()]
			c.In[i].F, c.In[i].I = from.F, from.I
		}
	}
}

// read returns the tensor of an output value.
func (r *Runner) read(v *ir.Value) *op.Tensor {
	if v.Known != nil {
		return v.Known
	}
	return r.tensor(v.Root()).Reshaped(v.Spec)
}

func nameOf(n *ir.Node) string {
	if n == nil {
		return ""
	}
	return n.Name
}

func opOf(n *ir.Node) string {
	if n == nil {
		return ""
	}
	return n.Op
}

// Outputs returns the outputs of the graph, in the order of Run's result.
func (r *Runner) Outputs() []ir.Output { return r.graph.Outputs }
