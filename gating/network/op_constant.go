package network

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// constantOps are tensors written in the graph itself.
var constantOps = family{
	zero("Constant", 1, buildConstant),
	zero("ConstantOfShape", 9, buildConstantOfShape),
	zero("ConstantFill", 1, buildConstantFill),
}

// buildConstant reads the tensor of a Constant node, in whichever attribute it is (opset 1: value; 11: sparse_value;
// 12: single numbers and lists).
func buildConstant(c *call) (Operator, []Spec, error) {
	for _, a := range c.node.GetAttribute() {
		t, err := c.constantFrom(a)
		if err != nil {
			return nil, nil, err
		}
		if t != nil {
			return c.asConstant(t)
		}
	}
	return nil, nil, c.unsupported("it has none of the attributes value, sparse_value, value_float, value_floats, value_int and value_ints")
}

// constantFrom returns the tensor that one attribute of a Constant holds, nil if it holds none.
func (c *call) constantFrom(a *onnxpb.AttributeProto) (*Tensor, error) {
	switch a.GetName() {
	case "value":
		return c.env.ReadTensor(a.GetT())
	case "sparse_value":
		return c.env.ReadSparse(a.GetSparseTensor())
	case "value_float":
		return &Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{a.GetF()}}, nil
	case "value_floats":
		return &Tensor{Type: onnx.Float32, Shape: []int{len(a.GetFloats())}, F: a.GetFloats()}, nil
	case "value_int":
		return &Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{a.GetI()}}, nil
	case "value_ints":
		return &Tensor{Type: onnx.Int64, Shape: []int{len(a.GetInts())}, I: a.GetInts()}, nil
	case "value_string", "value_strings":
		return nil, c.unsupported("its value is a string")
	}
	return nil, nil
}

// buildConstantOfShape is a tensor filled with one value, 0 as float32 by default.
func buildConstantOfShape(c *call) (Operator, []Spec, error) {
	dims, err := c.ints(0)
	if err != nil {
		return nil, nil, err
	}
	value := &Tensor{Type: onnx.Float32, Shape: []int{1}, F: []float32{0}}
	if a := c.attr("value"); a != nil {
		if value, err = c.env.ReadTensor(a.GetT()); err != nil {
			return nil, nil, err
		}
		if value.Len() != 1 {
			return nil, nil, c.shapeError("value has shape %v, want one element", value.Shape)
		}
	}
	shape, err := c.shapeOf(dims)
	if err != nil {
		return nil, nil, err
	}
	t, err := c.newConstant(Spec{value.Type, shape})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.F {
		t.F[i] = value.F[0]
	}
	for i := range t.I {
		t.I[i] = value.I[0]
	}
	return c.asConstant(t)
}

// buildConstantFill is ConstantOfShape as ONNX 1.2 had it on trial: the shape is an attribute, the input's own or in the
// input, followed by the attribute extra_shape.
func buildConstantFill(c *call) (Operator, []Spec, error) {
	dims, err := c.intList("shape", nil), error(nil)
	switch {
	case !c.has(0):
	case c.int("input_as_shape", 0) != 0:
		dims, err = c.ints(0)
	default:
		dims = nil
		for _, d := range c.in[0].Shape {
			dims = append(dims, int64(d))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	shape, err := c.shapeOf(slices.Concat(dims, c.intList("extra_shape", nil)))
	if err != nil {
		return nil, nil, err
	}
	dt := onnx.DataType(c.int("dtype", int64(onnx.Float32)))
	if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
		return nil, nil, c.unsupported("a tensor of type %s", dt)
	}
	t, err := c.newConstant(Spec{dt, shape})
	if err != nil {
		return nil, nil, err
	}
	value := c.float("value", 0)
	fillAll(t.F, value)
	for i := range t.I {
		t.I[i] = wrapInt(dt, int64(value))
	}
	return c.asConstant(t)
}
