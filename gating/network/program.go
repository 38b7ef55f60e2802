package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// Program is a graph with mixtures as part of a tape's program: the loss of one
// output against a target as a function of the coefficients. Only nodes that
// depend on a coefficient are on the tape. What comes before them is
// computed once per Load by a forward pass and read from slots.
type Program struct {
	graph  *ir.Graph
	loss   Loss
	output *ir.Value
	ctx    *op.Context
	prefix *Runner
	slots  map[*ir.Value]*op.Tensor // root values that the tape reads but does not compute
	bound  []*ir.Value              // the keys of slots that prefix computes, in its output order
	target *op.Tensor
}

// NewProgram splits the graph at the coefficients. It fails with ErrUnsupported,
// naming the node, when an operator without gradient stands between a
// coefficient and the loss.
func NewProgram(lowered *Graph, output int, loss Loss, w *kernel.Workers) (*Program, error) {
	g := lowered.lowered
	p := &Program{graph: g, loss: loss, output: g.Outputs[output].Value, ctx: &op.Context{Workers: w},
		slots: map[*ir.Value]*op.Tensor{}}
	if !p.output.Gated {
		return nil, fmt.Errorf("output %q does not depend on any selected weight: %w",
			g.Outputs[output].Name, op.ErrUnsupported)
	}
	own := &ir.Graph{Inputs: g.Inputs, Nodes: append([]*ir.Node{}, g.Nodes...), Params: g.Params,
		Outputs: []ir.Output{g.Outputs[output]}}
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
			if v == nil || v.Gated || v.Known != nil {
				continue
			}
			root := v.Root()
			if p.slots[root] != nil || root.Known != nil {
				continue
			}
			p.slots[root] = &op.Tensor{Type: root.Spec.Type, Shape: root.Spec.Shape}
			p.bound = append(p.bound, root)
			prefix.Outputs = append(prefix.Outputs, ir.Output{Spec: root.Spec, Value: root})
		}
	}
	prefix.Prune()
	p.prefix = newRunner(prefix, p.ctx.Workers)
}

// Load sets the batch: inputs as for Runner.Run, and the target of the loss.
// Everything that depends on no coefficient is computed here.
func (p *Program) Load(inputs map[string]*op.Tensor, target *op.Tensor) error {
	values, err := p.Prefix(inputs)
	if err == nil {
		p.Set(values, target)
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
func (p *Program) Set(values []*op.Tensor, target *op.Tensor) {
	for i, v := range p.bound {
		p.slots[v].F, p.slots[v].I = values[i].F, values[i].I
	}
	p.target = target
}

// Build adds the program to a tape's, as a function of the coefficients: one float
// vector for each group, parent by parent. It returns the scalar mean loss.
// It is called once.
func (p *Program) Build(t *tape.Program, coeffs []*tape.Vector) (loss *tape.Vector, err error) {
	if !p.output.Spec.IsFloat() {
		return nil, fmt.Errorf("the output is %s, a loss needs floats: %w", p.output.Spec, op.ErrUnsupported)
	}
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
	b.mixture(p.output.Root())
	f := &lossFunction{p}
	return t.Apply(tape.Call{
		Op: "loss", Name: p.loss.Name(), Function: f, In: []*tape.Vector{b.vectors[p.output.Root()]},
		Out: []tape.Shape{{Kind: tape.Scalar, Len: 1}}, Flows: always, Reads: readInputs,
	})[0], nil
}
