// Package optest builds and runs single operators for tests and examples, as whoever lowers a graph does.
package optest

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Floats is a float32 tensor of a shape.
func Floats(shape []int, v ...float32) *op.Tensor {
	return &op.Tensor{Type: onnx.Float32, Shape: shape, F: v}
}

// Attributes makes a node's attributes of names and values, one after the other. Values are int64, float32, string or
// []int64; anything else panics.
func Attributes(pairs ...any) (list []*onnxpb.AttributeProto) {
	for i := 0; i < len(pairs); i += 2 {
		a := &onnxpb.AttributeProto{Name: proto.String(pairs[i].(string))}
		switch v := pairs[i+1].(type) {
		case int64:
			a.Type, a.I = onnxpb.AttributeProto_INT.Enum(), proto.Int64(v)
		case float32:
			a.Type, a.F = onnxpb.AttributeProto_FLOAT.Enum(), proto.Float32(v)
		case string:
			a.Type, a.S = onnxpb.AttributeProto_STRING.Enum(), []byte(v)
		case []int64:
			a.Type, a.Ints = onnxpb.AttributeProto_INTS.Enum(), v
		default:
			panic(fmt.Sprintf("attribute %s is a %T", a.GetName(), v))
		}
		list = append(list, a)
	}
	return list
}

// Build builds the operator of a name, whose newest form is taken, for inputs of which integers are known to it.
func Build(operators op.Family, name string, attrs []*onnxpb.AttributeProto, in ...*op.Tensor) (op.Operator,
	[]op.Spec, error) {
	n := &onnxpb.NodeProto{OpType: proto.String(name), Attribute: attrs}
	c := &op.Call{Name: "n", Opset: 18, Outs: 1, Node: n}
	for _, t := range in {
		given := &op.Input{Spec: t.Spec()}
		if !t.Spec().IsFloat() {
			given.Const = t
		}
		c.In = append(c.In, given)
	}
	var newest *op.Entry
	for i, e := range operators {
		if e.Name == name && (newest == nil || e.Since > newest.Since) {
			newest = &operators[i]
		}
	}
	if newest == nil {
		return nil, nil, fmt.Errorf("no operator %s", name)
	}
	return newest.Build(c)
}

// Run is Build and one forward pass, of which it returns the first output.
func Run(operators op.Family, name string, attrs []*onnxpb.AttributeProto, in ...*op.Tensor) (*op.Tensor, error) {
	operator, specs, err := Build(operators, name, attrs, in...)
	if err != nil {
		return nil, err
	}
	outs := make([]*op.Tensor, len(specs))
	outs[0] = op.NewTensor(specs[0])
	return outs[0], operator.Forward(&op.Context{}, in, outs)
}
