package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// constantOps are tensors written in the graph itself.
var constantOps = op.Family{
	op.WithZeroGradient("Constant", 1, buildConstant),
	op.WithZeroGradient("ConstantOfShape", 9, buildConstantOfShape),
	op.WithZeroGradient("ConstantFill", 1, buildConstantFill),
}

// buildConstant reads the tensor of a Constant node, in whichever attribute it is (opset 1: value; 11: sparse_value;
// 12: single numbers and lists).
func buildConstant(c *op.Call) (op.Operator, []op.Spec, error) {
	for _, a := range c.Node.GetAttribute() {
		t, err := constantFrom(c, a)
		if err != nil {
			return nil, nil, err
		}
		if t != nil {
			return c.AsConstant(t)
		}
	}
	return nil, nil,
		c.Unsupported("it has none of the attributes " +
			"value, sparse_value, value_float, value_floats, value_int and value_ints")
}

// constantFrom returns the tensor that one attribute of a Constant holds, nil if it holds none.
func constantFrom(c *op.Call, a *onnxpb.AttributeProto) (*op.Tensor, error) {
	switch a.GetName() {
	case "value":
		return c.Env.ReadTensor(a.GetT())
	case "sparse_value":
		return c.Env.ReadSparse(a.GetSparseTensor())
	case "value_float":
		return &op.Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{a.GetF()}}, nil
	case "value_floats":
		return &op.Tensor{Type: onnx.Float32, Shape: []int{len(a.GetFloats())}, F: a.GetFloats()}, nil
	case "value_int":
		return &op.Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{a.GetI()}}, nil
	case "value_ints":
		return &op.Tensor{Type: onnx.Int64, Shape: []int{len(a.GetInts())}, I: a.GetInts()}, nil
	case "value_string", "value_strings":
		return nil, c.Unsupported("its value is a string")
	}
	return nil, nil
}

// buildConstantOfShape is a tensor filled with one value, 0 as float32 by default.
func buildConstantOfShape(c *op.Call) (op.Operator, []op.Spec, error) {
	dims, err := c.Ints(0)
	if err != nil {
		return nil, nil, err
	}
	value := &op.Tensor{Type: onnx.Float32, Shape: []int{1}, F: []float32{0}}
	if a := c.Attr("value"); a != nil {
		if value, err = c.Env.ReadTensor(a.GetT()); err != nil {
			return nil, nil, err
		}
		if value.Len() != 1 {
			return nil, nil, c.ShapeError("value has shape %v, want one element", value.Shape)
		}
	}
	shape, err := c.ShapeOf(dims)
	if err != nil {
		return nil, nil, err
	}
	t, err := c.NewConstant(op.Spec{Type: value.Type, Shape: shape})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.F {
		t.F[i] = value.F[0]
	}
	for i := range t.I {
		t.I[i] = value.I[0]
	}
	return c.AsConstant(t)
}

// buildConstantFill is ConstantOfShape as ONNX 1.2 had it on trial: the shape is an attribute, the input's own or in
// the input, followed by the attribute extra_shape.
func buildConstantFill(c *op.Call) (op.Operator, []op.Spec, error) {
	dims, err := c.IntList("shape", nil), error(nil)
	switch {
	case !c.Has(0):
	case c.Int("input_as_shape", 0) != 0:
		dims, err = c.Ints(0)
	default:
		dims = nil
		for _, d := range c.In[0].Shape {
			dims = append(dims, int64(d))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	shape, err := c.ShapeOf(slices.Concat(dims, c.IntList("extra_shape", nil)))
	if err != nil {
		return nil, nil, err
	}
	dt := onnx.DataType(c.Int("dtype", int64(onnx.Float32)))
	if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
		return nil, nil, c.Unsupported("a tensor of type %s", dt)
	}
	t, err := c.NewConstant(op.Spec{Type: dt, Shape: shape})
	if err != nil {
		return nil, nil, err
	}
	value := c.Float("value", 0)
	op.FillAll(t.F, value)
	for i := range t.I {
		t.I[i] = op.WrapInt(dt, int64(value))
	}
	return c.AsConstant(t)
}
