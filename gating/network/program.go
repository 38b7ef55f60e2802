package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"

	G "gorgonia.org/gorgonia"
)

// Program is a graph with mixtures as a Gorgonia expression: the loss of one
// output against a target as a function of the coefficients. Only nodes that
// depend on a coefficient are in the expression. What comes before them is
// computed once per Load by a forward pass and read from slots.
type Program struct {
	graph  *ir.Graph
	loss   Loss
	output *ir.Value
	ctx    *op.Context
	prefix *Runner
	slots  map[*ir.Value]*op.Tensor // root values that the expression reads but does not compute
	bound  []*ir.Value              // the keys of slots that prefix computes, in its output order
	target *op.Tensor
	exprs  map[*ir.Value]*G.Node

	memory pool
	expr   *G.ExprGraph
}

// NewProgram splits the graph at the coefficients. It fails with ErrUnsupported,
// naming the node, when an operator without gradient stands between a
// coefficient and the loss.
func NewProgram(lowered *Graph, output int, loss Loss, w *kernel.Workers) (*Program, error) {
	g := lowered.lowered
	p := &Program{graph: g, loss: loss, output: g.Outputs[output].Value, ctx: &op.Context{Workers: w}, slots: map[*ir.Value]*op.Tensor{}}
	if !p.output.Gated {
		return nil, fmt.Errorf("output %q does not depend on any selected weight: %w", g.Outputs[output].Name, op.ErrUnsupported)
	}
	own := &ir.Graph{Inputs: g.Inputs, Nodes: append([]*ir.Node{}, g.Nodes...), Params: g.Params, Outputs: []ir.Output{g.Outputs[output]}}
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

// Prefix computes what the expression reads and no coefficient reaches: one
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

// NextStep must be called before every run of the tape machine: nodes with
// several outputs or gradients compute them together once a step, and values
// share memory that is handed out anew. The expression must be complete.
func (p *Program) NextStep() {
	p.ctx.Step++
	p.memory.start(p.expr)
}

// Build adds the program to the expression graph of the coefficients, one float
// vector for each group, parent by parent, and returns the scalar mean loss.
// It is called once.
func (p *Program) Build(coeffs []*G.Node) (loss *G.Node, err error) {
	p.exprs, p.expr = map[*ir.Value]*G.Node{}, coeffs[0].Graph()
	number := map[*ir.Value]int{}
	var byNumber []*ir.Value
	for _, n := range p.graph.Nodes {
		for _, v := range append(append([]*ir.Value{}, n.In...), n.Out...) {
			if v == nil || !v.Gated {
				continue
			}
			root := v.Root()
			if _, ok := number[root]; !ok {
				number[root] = len(byNumber)
				byNumber = append(byNumber, root)
			}
			if root.Param >= 0 && p.exprs[root] == nil {
				if p.exprs[root], err = p.mixture(root, coeffs); err != nil {
					return nil, err
				}
			}
		}
	}
	err = decodeShadow(p.graph.Nodes, number, func(index int, inputs []int) error {
		children := make([]*G.Node, len(inputs))
		for i, n := range inputs {
			children[i] = p.exprs[byNumber[n]]
		}
		return p.apply(p.graph.Nodes[index], children)
	})
	if err != nil {
		return nil, fmt.Errorf("building the expression graph: %w", err)
	}
	if root := p.output.Root(); root.Param >= 0 && p.exprs[root] == nil {
		if p.exprs[root], err = p.mixture(root, coeffs); err != nil {
			return nil, err
		}
	}
	return p.lossNode()
}

// mixture is the node of W = sum_j c_j W_j; its gradient is <dW, W_j>.
func (p *Program) mixture(v *ir.Value, coeffs []*G.Node) (*G.Node, error) {
	param := &p.graph.Params[v.Param]
	n := v.Spec.Len()
	memory := p.memory.lease(max(1, n))
	c64 := make([]float64, coeffs[param.Gate].Shape().TotalSize())
	op := &VectorOp{
		Name: "mix " + param.Name, In: []hmType{FloatVector}, Out: FloatVector, Len: memory.size, Diff: []bool{true},
		lease: memory,
		Run: func(in []G.Value) (G.Value, error) {
			for i, c := range Floats(in[0]) {
				c64[i] = float64(c)
			}
			w := memory.take()
			param.Mix(p.ctx.Workers, c64, w[:n])
			return NewVector(w), nil
		},
	}
	op.Grad = func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dc := make([]float32, len(c64))
		dc64 := make([]float64, len(c64))
		value := NewVector(dc)
		g, err := (&VectorOp{
			Name: "mix gradient " + param.Name, In: []hmType{FloatVector}, Out: FloatVector, Len: len(dc),
			Run: func(in []G.Value) (G.Value, error) {
				param.Gradient(p.ctx.Workers, Floats(in[0]), dc64)
				for i, d := range dc64 {
					dc[i] = float32(d)
				}
				return value, nil
			},
		}).Apply(grad)
		return G.Nodes{g}, err
	}
	return op.Apply(coeffs[param.Gate])
}

// lossNode is the node of the scalar loss.
func (p *Program) lossNode() (*G.Node, error) {
	spec := p.output.Spec
	if spec.Type != onnx.Float32 && !spec.IsFloat() {
		return nil, fmt.Errorf("the output is %s, a loss needs floats: %w", spec, op.ErrUnsupported)
	}
	operator := &VectorOp{
		Name: "loss", In: []hmType{FloatVector}, Out: FloatScalar, Diff: []bool{true},
		Run: func(in []G.Value) (G.Value, error) {
			l, err := p.loss.Value(&op.Tensor{Type: spec.Type, Shape: spec.Shape, F: Floats(in[0])}, p.target)
			return G.NewF32(float32(l)), err
		},
	}
	operator.Grad = func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dx := make([]float32, spec.Len())
		value := NewVector(dx)
		g, err := (&VectorOp{
			Name: "loss gradient", In: []hmType{FloatVector, FloatScalar}, Out: FloatVector, Len: len(dx),
			Run: func(in []G.Value) (G.Value, error) {
				out := &op.Tensor{Type: spec.Type, Shape: spec.Shape, F: Floats(in[0])}
				return value, p.loss.Gradient(out, p.target, Floats(in[1])[0], dx)
			},
		}).Apply(in[0], grad)
		return G.Nodes{g}, err
	}
	return operator.Apply(p.exprs[p.output.Root()])
}
