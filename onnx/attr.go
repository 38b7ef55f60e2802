package onnx

import (
	"fmt"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Attr is an attribute of a node looked up by name. It may be missing: then
// the getters return the default they are given.
type Attr struct {
	node  *onnxpb.NodeProto
	name  string
	proto *onnxpb.AttributeProto
}

// NodeAttr looks up an attribute of a node by name.
func NodeAttr(n *onnxpb.NodeProto, name string) Attr {
	for _, a := range n.GetAttribute() {
		if a.GetName() == name {
			return Attr{n, name, a}
		}
	}
	return Attr{node: n, name: name}
}

// Present says whether the node has the attribute.
func (a Attr) Present() bool { return a.proto != nil }

// Proto returns the attribute's message, nil if it is missing.
func (a Attr) Proto() *onnxpb.AttributeProto { return a.proto }

// Int returns an integer attribute, def if it is missing. Like the other
// getters it returns an error if the attribute is of another type or stands
// for an attribute of the function around the node.
func (a Attr) Int(def int64) (int64, error) {
	if a.proto == nil {
		return def, nil
	}
	return a.proto.GetI(), a.want(onnxpb.AttributeProto_INT)
}

// Bool returns an integer attribute that is a flag.
func (a Attr) Bool(def bool) (bool, error) {
	if a.proto == nil {
		return def, nil
	}
	return a.proto.GetI() != 0, a.want(onnxpb.AttributeProto_INT)
}

// Float returns a float attribute, def if it is missing.
func (a Attr) Float(def float32) (float32, error) {
	if a.proto == nil {
		return def, nil
	}
	return a.proto.GetF(), a.want(onnxpb.AttributeProto_FLOAT)
}

// String returns a string attribute, def if it is missing.
func (a Attr) String(def string) (string, error) {
	if a.proto == nil {
		return def, nil
	}
	return string(a.proto.GetS()), a.want(onnxpb.AttributeProto_STRING)
}

// Ints returns a list of integers, def if it is missing. It must not be changed.
func (a Attr) Ints(def []int64) ([]int64, error) {
	if a.proto == nil {
		return def, nil
	}
	return a.proto.GetInts(), a.want(onnxpb.AttributeProto_INTS)
}

// Floats returns a list of floats, def if it is missing. It must not be changed.
func (a Attr) Floats(def []float32) ([]float32, error) {
	if a.proto == nil {
		return def, nil
	}
	return a.proto.GetFloats(), a.want(onnxpb.AttributeProto_FLOATS)
}

// Strings returns a list of strings, def if it is missing.
func (a Attr) Strings(def []string) ([]string, error) {
	if a.proto == nil {
		return def, nil
	}
	list := make([]string, len(a.proto.GetStrings()))
	for i, s := range a.proto.GetStrings() {
		list[i] = string(s)
	}
	return list, a.want(onnxpb.AttributeProto_STRINGS)
}

// Tensor returns a tensor attribute, to be read with Model.Tensor; nil if it
// is missing.
func (a Attr) Tensor() (*onnxpb.TensorProto, error) {
	if a.proto == nil {
		return nil, nil
	}
	return a.proto.GetT(), a.want(onnxpb.AttributeProto_TENSOR)
}

// Graph returns a graph attribute, nil if it is missing.
func (a Attr) Graph() (*onnxpb.GraphProto, error) {
	if a.proto == nil {
		return nil, nil
	}
	return a.proto.GetG(), a.want(onnxpb.AttributeProto_GRAPH)
}

// want returns an error unless the attribute holds a value of the type.
func (a Attr) want(t onnxpb.AttributeProto_AttributeType) error {
	where := fmt.Sprintf("node %q (%s): attribute %q", NodeLabel(a.node), a.node.GetOpType(), a.name)
	if a.proto.GetRefAttrName() != "" {
		return invalidf("%s refers to the function's attribute %q", where, a.proto.GetRefAttrName())
	}
	if got := attributeType(a.proto); got != t {
		return invalidf("%s has the type %s, want %s", where, got, t)
	}
	return nil
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
