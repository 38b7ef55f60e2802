package onnx

import (
	"errors"
	"fmt"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Site is one use of a value: an input slot of a node.
type Site struct {
	Node  *onnxpb.NodeProto
	Input int
}

// Place says where a node stands: in which graph or function, and inside which
// node's attribute if that graph is a subgraph.
type Place struct {
	Graph     *onnxpb.GraphProto    // the graph that lists the node; nil directly in a function
	Function  *onnxpb.FunctionProto // the function around it; nil in the model's graph
	Holder    *onnxpb.NodeProto     // the node whose attribute holds Graph; nil at the top
	Attribute string                // that attribute's name
	Outer     *Place                // where Holder stands; nil at the top
}

// Nodes returns the nodes of the graph or function.
func (p *Place) Nodes() []*onnxpb.NodeProto {
	if p.Graph != nil {
		return p.Graph.GetNode()
	}
	return p.Function.GetNode()
}

// String returns a path for messages: "graph", "function my.domain:Norm",
// "graph / If_3.then_branch".
func (p *Place) String() string {
	switch {
	case p.Outer != nil:
		return fmt.Sprintf("%s / %s.%s", p.Outer, NodeLabel(p.Holder), p.Attribute)
	case p.Function != nil:
		return "function " + functionLabel(p.Function)
	default:
		return "graph"
	}
}

// NodeLabel names a node in messages: its name, or its operator and first
// output if it has none.
func NodeLabel(n *onnxpb.NodeProto) string {
	if n.GetName() != "" {
		return n.GetName()
	}
	for _, out := range n.GetOutput() {
		if out != "" {
			return n.GetOpType() + "(" + out + ")"
		}
	}
	return n.GetOpType()
}

func functionLabel(f *onnxpb.FunctionProto) string {
	s := f.GetDomain() + ":" + f.GetName()
	if f.GetOverload() != "" {
		s += ":" + f.GetOverload()
	}
	return s
}

// ErrSkipSubgraphs is returned by a function given to Walk to leave out the
// subgraphs in the attributes of the node just visited.
var ErrSkipSubgraphs = errors.New("skip subgraphs")

// Walk calls fn for every node of the model's graph and of its functions, in
// the order of the file, a node before the nodes of its subgraphs. It stops at
// the first error and returns it. Training graphs are not visited.
func (m *Model) Walk(fn func(Place, *onnxpb.NodeProto) error) error {
	if err := walkPlace(&Place{Graph: m.proto.GetGraph()}, fn); err != nil {
		return err
	}
	for _, f := range m.proto.GetFunctions() {
		if err := walkPlace(&Place{Function: f}, fn); err != nil {
			return err
		}
	}
	return nil
}

func walkPlace(p *Place, fn func(Place, *onnxpb.NodeProto) error) error {
	for _, n := range p.Nodes() {
		err := fn(*p, n)
		if errors.Is(err, ErrSkipSubgraphs) {
			continue
		}
		if err != nil {
			return err
		}
		for _, sub := range p.subgraphs(n) {
			if err := walkPlace(sub, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// subgraphs returns the places inside the attributes of n, which stands in p.
func (p *Place) subgraphs(n *onnxpb.NodeProto) []*Place {
	var subs []*Place
	for a, g := range Subgraphs(n) {
		subs = append(subs, &Place{Graph: g, Function: p.Function, Holder: n, Attribute: a.GetName(), Outer: p})
	}
	return subs
}
