package flow

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// functionKey tells local functions apart: by domain, name and overload.
func functionKey(f *onnxpb.FunctionProto) [3]string {
	return [3]string{onnx.Domain(f.GetDomain()), f.GetName(), f.GetOverload()}
}

// callKey is the key of the function that a node calls if the model has it.
func callKey(n *onnxpb.NodeProto) [3]string {
	return [3]string{onnx.Domain(n.GetDomain()), n.GetOpType(), n.GetOverload()}
}

// attributes are those of a function call, by the names that nodes in the function's body refer to.
type attributes map[string]*onnxpb.AttributeProto

// callAttributes are what a call gives a function, and the function's defaults for what it does not give.
func callAttributes(f *onnxpb.FunctionProto, call *Node) attributes {
	given := attributes{}
	for _, a := range slices.Concat(f.GetAttributeProto(), call.resolved().GetAttribute()) {
		given[a.GetName()] = a
	}
	return given
}

// resolved is the node as the file has it or, where its attributes refer to those of the function call around it, with
// their values in place.
func (n *Node) resolved() *onnxpb.NodeProto {
	p := n.Proto
	refers := func(a *onnxpb.AttributeProto) bool { return a.GetRefAttrName() != "" }
	if !slices.ContainsFunc(p.GetAttribute(), refers) {
		return p
	}
	out := &onnxpb.NodeProto{
		Name: p.Name, OpType: p.OpType, Domain: p.Domain, Overload: p.Overload, Input: p.Input, Output: p.Output,
	}
	for _, a := range p.GetAttribute() {
		if refers(a) {
			a = renamed(n.call[a.GetRefAttrName()], a.Name)
		}
		if a != nil {
			out.Attribute = append(out.Attribute, a)
		}
	}
	return out
}

// renamed is an attribute under another name, nil if there is none.
func renamed(a *onnxpb.AttributeProto, name *string) *onnxpb.AttributeProto {
	if a == nil {
		return nil
	}
	return &onnxpb.AttributeProto{
		Name: name, Type: a.Type, F: a.F, I: a.I, S: a.S, T: a.T, G: a.G,
		Floats: a.Floats, Ints: a.Ints, Strings: a.Strings, Tensors: a.Tensors, Graphs: a.Graphs,
	}
}

// Attributes reads the node's attributes.
func (n *Node) Attributes() *onnx.Attributes { return onnx.NodeAttributes(n.resolved()) }
