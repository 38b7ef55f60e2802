package onnx

import (
	"fmt"
	"iter"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Attributes reads the attributes of one node by name. Its getters return the default they are given where
// the attribute is missing, and where it is of another type or stands for an attribute of the function
// around the node; the first such fault is kept for Err, so that a reader asks for all it needs and then
// looks once whether the node was well-formed.
//
// Lists and messages that the getters return are the node's own: they must not be changed.
type Attributes struct {
	node *onnxpb.NodeProto
	err  error
}

// NodeAttributes reads the attributes of a node.
func NodeAttributes(n *onnxpb.NodeProto) *Attributes { return &Attributes{node: n} }

// Err returns the first fault of an attribute that was asked for, of kind [ErrInvalid]; nil if there was none.
func (r *Attributes) Err() error { return r.err }

// Has says whether the node has an attribute of that name, whatever its type.
func (r *Attributes) Has(name string) bool { return r.Proto(name) != nil }

// Proto returns an attribute as the file has it, nil if it is missing.
func (r *Attributes) Proto(name string) *onnxpb.AttributeProto {
	for _, a := range r.node.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// Int returns an integer (INT).
func (r *Attributes) Int(name string, def int64) int64 {
	if a := r.typed(name, onnxpb.AttributeProto_INT); a != nil {
		return a.GetI()
	}
	return def
}

// Bool returns an integer (INT) that is a flag: every number but 0 is true.
func (r *Attributes) Bool(name string, def bool) bool {
	if a := r.typed(name, onnxpb.AttributeProto_INT); a != nil {
		return a.GetI() != 0
	}
	return def
}

// Float returns a float (FLOAT).
func (r *Attributes) Float(name string, def float32) float32 {
	if a := r.typed(name, onnxpb.AttributeProto_FLOAT); a != nil {
		return a.GetF()
	}
	return def
}

// String returns a string (STRING).
func (r *Attributes) String(name, def string) string {
	if a := r.typed(name, onnxpb.AttributeProto_STRING); a != nil {
		return string(a.GetS())
	}
	return def
}

// Ints returns a list of integers (INTS).
func (r *Attributes) Ints(name string, def []int64) []int64 {
	if a := r.typed(name, onnxpb.AttributeProto_INTS); a != nil {
		return a.GetInts()
	}
	return def
}

// Floats returns a list of floats (FLOATS).
func (r *Attributes) Floats(name string, def []float32) []float32 {
	if a := r.typed(name, onnxpb.AttributeProto_FLOATS); a != nil {
		return a.GetFloats()
	}
	return def
}

// Strings returns a list of strings (STRINGS).
func (r *Attributes) Strings(name string, def []string) []string {
	a := r.typed(name, onnxpb.AttributeProto_STRINGS)
	if a == nil {
		return def
	}
	list := make([]string, len(a.GetStrings()))
	for i, s := range a.GetStrings() {
		list[i] = string(s)
	}
	return list
}

// Tensor returns a tensor (TENSOR), to be read with [Model.Tensor]; nil where there is none.
func (r *Attributes) Tensor(name string) *onnxpb.TensorProto {
	return r.typed(name, onnxpb.AttributeProto_TENSOR).GetT()
}

// Tensors returns a list of tensors (TENSORS).
func (r *Attributes) Tensors(name string) []*onnxpb.TensorProto {
	return r.typed(name, onnxpb.AttributeProto_TENSORS).GetTensors()
}

// Graph returns a graph (GRAPH), nil where there is none.
func (r *Attributes) Graph(name string) *onnxpb.GraphProto {
	return r.typed(name, onnxpb.AttributeProto_GRAPH).GetG()
}

// Subgraphs yields the graphs inside a node's attributes, each with its attribute: the bodies of If, Loop,
// Scan and their like.
func Subgraphs(n *onnxpb.NodeProto) iter.Seq2[*onnxpb.AttributeProto, *onnxpb.GraphProto] {
	return func(yield func(*onnxpb.AttributeProto, *onnxpb.GraphProto) bool) {
		for _, a := range n.GetAttribute() {
			if a.G != nil && !yield(a, a.G) {
				return
			}
			for _, g := range a.GetGraphs() {
				if !yield(a, g) {
					return
				}
			}
		}
	}
}

// typed returns an attribute that holds a value of the type, nil if it is missing; nil and a fault for Err
// if it holds another.
func (r *Attributes) typed(name string, want onnxpb.AttributeProto_AttributeType) *onnxpb.AttributeProto {
	a := r.Proto(name)
	if a == nil {
		return nil
	}
	switch got := attributeType(a); {
	case a.GetRefAttrName() != "":
		r.fault(name, "refers to the function's attribute %q", a.GetRefAttrName())
	case got != want:
		r.fault(name, "has the type %s, want %s", got, want)
	default:
		return a
	}
	return nil
}

// fault keeps the first fault.
func (r *Attributes) fault(name, format string, args ...any) {
	if r.err == nil {
		r.err = advice.Errorf(ErrInvalid, "", "node %q (%s): attribute %q %s",
			NodeLabel(r.node), OpLabel(r.node), name, fmt.Sprintf(format, args...))
	}
}

// attributeType returns the type of an attribute; files of IR version 1 do not
// say it, there the field that is present does.
func attributeType(a *onnxpb.AttributeProto) onnxpb.AttributeProto_AttributeType {
	if a.Type != nil {
		return a.GetType()
	}
	if present := presentTypes(a); len(present) == 1 {
		return present[0]
	}
	return onnxpb.AttributeProto_UNDEFINED
}

// presentTypes lists the types whose value field is present.
func presentTypes(a *onnxpb.AttributeProto) []onnxpb.AttributeProto_AttributeType {
	var types []onnxpb.AttributeProto_AttributeType
	add := func(present bool, t onnxpb.AttributeProto_AttributeType) {
		if present {
			types = append(types, t)
		}
	}
	add(a.F != nil, onnxpb.AttributeProto_FLOAT)
	add(a.I != nil, onnxpb.AttributeProto_INT)
	add(a.S != nil, onnxpb.AttributeProto_STRING)
	add(a.T != nil, onnxpb.AttributeProto_TENSOR)
	add(a.G != nil, onnxpb.AttributeProto_GRAPH)
	add(a.SparseTensor != nil, onnxpb.AttributeProto_SPARSE_TENSOR)
	add(a.Tp != nil, onnxpb.AttributeProto_TYPE_PROTO)
	add(len(a.Floats) > 0, onnxpb.AttributeProto_FLOATS)
	add(len(a.Ints) > 0, onnxpb.AttributeProto_INTS)
	add(len(a.Strings) > 0, onnxpb.AttributeProto_STRINGS)
	add(len(a.Tensors) > 0, onnxpb.AttributeProto_TENSORS)
	add(len(a.Graphs) > 0, onnxpb.AttributeProto_GRAPHS)
	add(len(a.SparseTensors) > 0, onnxpb.AttributeProto_SPARSE_TENSORS)
	add(len(a.TypeProtos) > 0, onnxpb.AttributeProto_TYPE_PROTOS)
	return types
}
