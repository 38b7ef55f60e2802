package network

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// place is where a node stands: the names it sees, the operators in force, and how deep bodies nest there.
type place struct {
	scope *scope
	ops   opsets
	depth int
}

// placed is a node at its place: the hand in the lowering that its expansion gets.
type placed struct {
	place
	l *lowerer
	c *op.Call
}

// Bind names an output of the node.
func (p *placed) Bind(output int, v *ir.Value) {
	if names := p.c.Node.GetOutput(); output < len(names) && names[output] != "" {
		p.scope.values[names[output]] = v
	}
}

// emitOpset is the opset whose forms [placed.Emit] writes.
const emitOpset = 18

// Emit lowers one of the nodes that the node stands for.
func (p *placed) Emit(op string, attrs []*onnxpb.AttributeProto, in ...*ir.Value) (*ir.Value, error) {
	dot := strings.LastIndexByte(op, '.')
	n := &onnxpb.NodeProto{
		Name: proto.String(p.c.Name), Domain: proto.String(op[:max(0, dot)]), OpType: proto.String(op[dot+1:]),
		Attribute: attrs, Output: []string{"out"},
	}
	s := newScope(nil, nil, nil)
	for i, v := range in {
		if v == nil {
			n.Input = append(n.Input, "")
			continue
		}
		name := fmt.Sprint(i)
		n.Input = append(n.Input, name)
		s.values[name] = v
	}
	at := place{s, opsets{"": emitOpset, "com.microsoft": 1}, p.depth}
	if err := p.l.nodes([]*onnxpb.NodeProto{n}, n.Output, at); err != nil {
		return nil, err
	}
	return s.values["out"], nil
}

// Body lowers a subgraph with its inputs bound to the values, and returns its outputs.
func (p *placed) Body(g *onnxpb.GraphProto, in []*ir.Value) ([]*ir.Value, error) {
	s := newScope(p.scope, g.GetInitializer(), g.GetSparseInitializer())
	if len(g.GetInput()) != len(in) {
		return nil, p.c.ShapeError("its body has %d inputs, want %d", len(g.GetInput()), len(in))
	}
	for i, v := range in {
		s.values[g.GetInput()[i].GetName()] = v
	}
	names := outputNames(g)
	if err := p.l.nodes(g.GetNode(), names, place{s, p.ops, p.depth + 1}); err != nil {
		return nil, err
	}
	outs := make([]*ir.Value, len(names))
	for i, name := range names {
		v, err := p.l.lookup(name, s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, p.c.Invalid("nothing in its body computes output %q", name)
		}
		outs[i] = v
	}
	return outs, nil
}

// Apart lowers a subgraph to nodes of its own.
func (p *placed) Apart(g *onnxpb.GraphProto, in []*ir.Value) ([]*ir.Node, []*ir.Value, error) {
	outer := p.l.graph
	p.l.graph = &ir.Graph{Params: outer.Params}
	defer func() { p.l.graph = outer }()
	outs, err := p.Body(g, in)
	return p.l.graph.Nodes, outs, err
}

// Itself lowers the node as the operator table has it, over other values.
func (p *placed) Itself(in []*ir.Value) error {
	e := table.FindOrOldest(p.c.Node, p.c.Opset)
	return p.l.add(p.over(in), in, e.Build, e.Grad, p.scope)
}

// Add appends an operator with a gradient over values.
func (p *placed) Add(operator op.Operator, specs []op.Spec, in []*ir.Value) error {
	build := func(*op.Call) (op.Operator, []op.Spec, error) { return operator, specs, nil }
	return p.l.add(p.over(in), in, build, op.Full, p.scope)
}

// over is the call over other values.
func (p *placed) over(in []*ir.Value) *op.Call {
	c := *p.c
	c.In = inputsOf(in)
	return &c
}

// Reach says whether a coefficient, and a gradient to one, may reach what the node and its subgraphs read.
func (p *placed) Reach() (gated, grad bool) {
	names := map[string]bool{}
	addReads(names, p.c.Node, 0)
	for name := range names {
		if v, err := p.l.lookup(name, p.scope); err == nil && v != nil {
			gated, grad = gated || v.Gated, grad || v.Grad
		}
	}
	mixed := p.l.mixes(p.c.Attr("body").GetG(), 0)
	return gated || mixed, grad || mixed
}

// mixes says whether a body reads a mixture.
func (l *lowerer) mixes(g *onnxpb.GraphProto, depth int) bool {
	for _, n := range g.GetNode() {
		for i := range n.GetInput() {
			if l.sites[onnx.Site{Node: n, Input: i}] != nil {
				return true
			}
		}
		for _, a := range n.GetAttribute() {
			if a.GetG() != nil && depth < maxDepth && l.mixes(a.GetG(), depth+1) {
				return true
			}
		}
	}
	return false
}
