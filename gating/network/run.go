package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// Runner runs the forward pass of a graph. It owns the memory of all values
// and is for one caller at a time.
type Runner struct {
	graph  *graphIR
	ctx    *Context
	values map[*value]*Tensor // by root
	calls  []runCall
	mixed  [][]float64     // coefficients the mixtures were last computed with
	shown  map[*node][]int // by node, the outputs of the graph that it computes; for an observer
	show   func(output int, t *Tensor)
}

// NewRunner plans the memory of a forward pass: values whose lives do not
// overlap share a buffer.
func NewRunner(g *Graph, w *kernel.Workers) *Runner { return newRunner(g.lowered, w) }

func newRunner(g *graphIR, w *kernel.Workers) *Runner {
	r := &Runner{graph: g, ctx: &Context{Workers: w}, values: map[*value]*Tensor{}}
	r.plan(newBufferPlan(g, g.outputs))
	return r
}

// plan gives every value its memory.
func (r *Runner) plan(plan *bufferPlan) {
	g := r.graph
	for _, v := range g.inputs {
		r.values[v] = &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}
	}
	for i, n := range g.nodes {
		c := runCall{node: n}
		for _, v := range n.out {
			c.out = append(c.out, r.output(v, plan))
		}
		for _, v := range n.in {
			c.in = append(c.in, r.tensor(v))
		}
		plan.release(i)
		r.calls = append(r.calls, c)
	}
	plan.allocate()
	for _, o := range g.outputs {
		r.tensor(o.value.root()) // an output may be a mixture that no node reads
	}
}

// output gives a value a place in the plan.
func (r *Runner) output(v *value, plan *bufferPlan) *Tensor {
	if v == nil {
		return nil
	}
	t := &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}
	plan.place(v, t)
	r.values[v] = t
	return t
}

// tensor returns where the elements of a value are at run time. Views are
// resolved in Run, once buffers are known.
func (r *Runner) tensor(v *value) *Tensor {
	switch {
	case v == nil:
		return nil
	case v.known != nil:
		return v.known
	case v.view != nil:
		r.tensor(v.root())
		return &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}
	case v.param >= 0 && r.values[v] == nil:
		r.values[v] = NewTensor(v.spec)
	}
	return r.values[v]
}

// Run computes the graph's outputs. inputs holds one tensor for each name of
// InputNames, of exactly the lowered type and shape; coeffs holds for each group
// of coefficients J*units numbers, parent by parent (nil where the graph has no
// mixtures). The outputs are valid until the next Run.
func (r *Runner) Run(inputs map[string]*Tensor, coeffs [][]float64) (outs []*Tensor, err error) {
	var at *node
	defer func() {
		if p := recover(); p != nil {
			err = &NodeError{Node: nameOf(at), Op: opOf(at), Kind: ErrShape, Msg: fmt.Sprintf("internal check failed: %v", p)}
		}
	}()
	if err := r.bind(inputs, coeffs); err != nil {
		return nil, err
	}
	r.ctx.Step++
	for i := range r.calls {
		c := &r.calls[i]
		at = c.node
		r.bindViews(c)
		if err := c.node.run.Forward(r.ctx, c.in, c.out); err != nil {
			return nil, &NodeError{Node: at.name, Op: at.op, Kind: ErrShape, Msg: err.Error()}
		}
		for _, o := range r.shown[at] {
			r.show(o, r.read(r.graph.outputs[o].value))
		}
	}
	if r.show != nil {
		return nil, nil
	}
	for _, o := range r.graph.outputs {
		outs = append(outs, r.read(o.value))
	}
	return outs, nil
}

// bind checks and sets the inputs and computes the mixtures.
func (r *Runner) bind(inputs map[string]*Tensor, coeffs [][]float64) error {
	for _, v := range r.graph.inputs {
		t := inputs[v.input]
		if t == nil {
			return fmt.Errorf("input %q is not given: %w", v.input, ErrShape)
		}
		if !slices.Equal(t.Shape, v.spec.Shape) || t.Spec().IsFloat() != v.spec.IsFloat() {
			return fmt.Errorf("input %q is %s, want %s: %w", v.input, t.Spec(), v.spec, ErrShape)
		}
		r.values[v].F, r.values[v].I = t.F, t.I
	}
	for v, t := range r.values {
		if v.param < 0 {
			continue
		}
		p := &r.graph.params[v.param]
		if p.Gate >= len(coeffs) {
			return fmt.Errorf("tensor %q: no coefficients given for group %d: %w", p.Name, p.Gate, ErrShape)
		}
		if r.mixed == nil || !sameFloats(r.mixed[p.Gate], coeffs[p.Gate]) {
			p.mix(r.ctx.Workers, coeffs[p.Gate], t.F)
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
func (r *Runner) bindViews(c *runCall) {
	for i, v := range c.node.in {
		if v != nil && v.view != nil {
			from := r.values[v.root()]
			c.in[i].F, c.in[i].I = from.F, from.I
		}
	}
}

// read returns the tensor of an output value.
func (r *Runner) read(v *value) *Tensor {
	if v.known != nil {
		return v.known
	}
	return r.tensor(v.root()).reshaped(v.spec)
}

func nameOf(n *node) string {
	if n == nil {
		return ""
	}
	return n.name
}

func opOf(n *node) string {
	if n == nil {
		return ""
	}
	return n.op
}

// Outputs returns the outputs of the graph, in the order of Run's result.
func (r *Runner) Outputs() []Output { return r.graph.outputs }
