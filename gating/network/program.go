package network

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// Program is a graph with mixtures as part of a tape's program: the losses of some
// outputs against targets as functions of the coefficients. Only nodes that
// depend on a coefficient are on the tape. What comes before them is
// computed once per Load by a forward pass and read from slots.
type Program struct {
	graph  *ir.Graph
	heads  []*head // some have no output that a coefficient reaches
	ctx    *op.Context
	prefix *Runner
	slots  map[*ir.Value]*op.Tensor // root values that the tape reads but does not compute
	bound  []*ir.Value              // the keys of slots that prefix computes, in its output order
}

// NewProgram splits the graph at the coefficients. It fails with ErrUnsupported,
// naming the node, when an operator without gradient stands between a
// coefficient and the loss.
func NewProgram(lowered *Graph, heads []Head, w *kernel.Workers) (*Program, error) {
	g := lowered.lowered
	p := &Program{graph: g, ctx: &op.Context{Workers: w}, slots: map[*ir.Value]*op.Tensor{}}
	own := &ir.Graph{Inputs: g.Inputs, Nodes: append([]*ir.Node{}, g.Nodes...), Params: g.Params}
	for _, h := range heads {
		of := &head{Head: h}
		for _, o := range h.Outputs {
			of.names, of.values = append(of.names, g.Outputs[o].Name), append(of.values, g.Outputs[o].Value)
			own.Outputs = append(own.Outputs, g.Outputs[o])
		}
		p.heads = append(p.heads, of)
	}
	if !slices.ContainsFunc(p.heads, (*head).gated) {
		return nil, fmt.Errorf("output %q does not depend on any selected weight: %w",
			own.Outputs[0].Name, op.ErrUnsupported)
	}
	own.Nodes = cloneNodes(own.Nodes)
	own.Prune()
	prefix := &ir.Graph{Inputs: own.Inputs, Params: g.Params}
	var gated []*ir.Node
	for _, n := range own.Nodes {
		if !isGated(n) {
			prefix.Nodes = append(prefix.Nodes, n)
			continue
		}
		gated = append(gated, n)
		if err := ir.CheckGradient(n); err != nil {
			return nil, err
		}
	}
	p.split(gated, prefix)
	p.graph = &ir.Graph{Nodes: gated, Params: g.Params}
	return p, nil
}

// cloneNodes copies nodes so that pruning for one output leaves the graph as it is.
func cloneNodes(list []*ir.Node) []*ir.Node {
	for i, n := range list {
		c := *n
		c.Out = append([]*ir.Value{}, n.Out...)
		list[i] = &c
	}
	return list
}

// isGated says whether a node reads anything that depends on a coefficient.
func isGated(n *ir.Node) bool {
	for _, v := range n.In {
		if v != nil && v.Gated {
			return true
		}
	}
	return false
}

// split makes slots of the values that gated nodes read from the ungated part.
func (p *Program) split(gated []*ir.Node, prefix *ir.Graph) {
	for _, n := range gated {
		for _, v := range n.In {
			p.slot(v, prefix)
		}
	}
	for _, h := range p.heads {
		if h.gated() {
			for _, v := range h.values {
				p.slot(v, prefix)
			}
		}
	}
	prefix.Prune()
	p.prefix = newRunner(prefix, p.ctx.Workers)
}

// slot makes room for a value that gated nodes or losses read from the ungated part, once.
func (p *Program) slot(v *ir.Value, prefix *ir.Graph) {
	if v == nil || v.Gated || v.Known != nil {
		return
	}
	root := v.Root()
	if p.slots[root] != nil || root.Known != nil {
		return
	}
	p.slots[root] = &op.Tensor{Type: root.Spec.Type, Shape: root.Spec.Shape}
	p.bound = append(p.bound, root)
	prefix.Outputs = append(prefix.Outputs, ir.Output{Spec: root.Spec, Value: root})
}

// Load sets the batch: inputs as for Runner.Run, and the target of each head's loss.
// Everything that depends on no coefficient is computed here.
func (p *Program) Load(inputs map[string]*op.Tensor, targets ...*op.Tensor) error {
	values, err := p.Prefix(inputs)
	if err == nil {
		p.Set(values, targets...)
	}
	return err
}

// Prefix computes what the tape reads and no coefficient reaches: one
// tensor for each of Boundary, valid until the next call.
func (p *Program) Prefix(inputs map[string]*op.Tensor) ([]*op.Tensor, error) {
	return p.prefix.Run(inputs, nil)
}

// Boundary is the types and shapes of what Prefix computes.
func (p *Program) Boundary() []op.Spec {
	list := make([]op.Spec, len(p.bound))
	for i, v := range p.bound {
		list[i] = v.Spec
	}
	return list
}

// PrefixNodes is the number of nodes that no coefficient reaches.
func (p *Program) PrefixNodes() int { return len(p.prefix.calls) }

// Set sets the batch by what Prefix has computed for it, now or before.
func (p *Program) Set(values []*op.Tensor, targets ...*op.Tensor) {
	for i, v := range p.bound {
		p.slots[v].F, p.slots[v].I = values[i].F, values[i].I
	}
	for i, h := range p.heads {
		h.target = targets[i]
	}
}

// Build adds the program to a tape's, as functions of the coefficients: one float
// vector for each group, parent by parent. It returns the scalar mean loss of each head that a coefficient reaches,
// times its weight.
// It is called once.
func (p *Program) Build(t *tape.Program, coeffs []*tape.Vector) (losses []*tape.Vector, err error) {
	b := &binding{p: p, tape: t, coeffs: coeffs, vectors: map[*ir.Value]*tape.Vector{}}
	for _, n := range p.graph.Nodes {
		for _, v := range n.In {
			if v != nil && v.Gated {
				b.mixture(v.Root())
			}
		}
	}
	for _, n := range p.graph.Nodes {
		b.node(n)
	}
	for _, h := range p.heads {
		if !h.gated() {
			continue
		}
		for i, v := range h.values {
			if !v.Spec.IsFloat() {
				return nil, fmt.Errorf("output %q is %s, a loss needs floats: %w", h.names[i], v.Spec,
					op.ErrUnsupported)
			}
			b.mixture(v.Root())
		}
		losses = append(losses, t.Apply(h.call(b))[0])
	}
	return losses, nil
}
