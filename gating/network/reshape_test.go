package network

import (
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

func isKind(err, kind error) bool { return errors.Is(err, kind) }

func TestViews(t *testing.T) {
	x := counting(2, 1, 3)
	view := func(shape ...int) *op.Tensor { return x.Reshaped(op.Spec{Type: onnx.Float32, Shape: shape}) }
	for _, c := range []struct {
		name  string
		c     gradCase
		shape []int
	}{
		{"identity", gradCase{op: "Identity", opset: 1, inputs: []*op.Tensor{x}}, []int{2, 1, 3}},
		{"reshape attribute", gradCase{op: "Reshape", opset: 1, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("shape", 3, 2)}}, []int{3, 2}},
		{"reshape copies and infers",
			gradCase{op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(0, -1, 1, 1)}}, []int{2, 3, 1, 1}},
		{"reshape to a vector", gradCase{op: "Reshape", opset: 21, inputs: []*op.Tensor{x, intTensor(-1)}}, []int{6}},
		{"flatten", gradCase{op: "Flatten", opset: 9, inputs: []*op.Tensor{x}}, []int{2, 3}},
		{"flatten at 0",
			gradCase{op: "Flatten", opset: 13, inputs: []*op.Tensor{x}, attrs: attrs{intAttr("axis", 0)}}, []int{1, 6}},
		{"flatten at the end",
			gradCase{op: "Flatten", opset: 13, inputs: []*op.Tensor{x}, attrs: attrs{intAttr("axis", 3)}}, []int{6, 1}},
		{"flatten from the end", gradCase{op: "Flatten", opset: 13, inputs: []*op.Tensor{x},
			attrs: attrs{intAttr("axis", -1)}}, []int{2, 3}},
		{"squeeze attribute", gradCase{op: "Squeeze", opset: 11, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("axes", -2)}}, []int{2, 3}},
		{"squeeze input", gradCase{op: "Squeeze", opset: 13, inputs: []*op.Tensor{x, intTensor(1)}}, []int{2, 3}},
		{"squeeze all", gradCase{op: "Squeeze", opset: 13, inputs: []*op.Tensor{x}}, []int{2, 3}},
		{"squeeze none", gradCase{op: "Squeeze", opset: 13, inputs: []*op.Tensor{x, intTensor()}}, []int{2, 1, 3}},
		{"unsqueeze attribute", gradCase{op: "Unsqueeze", opset: 1, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("axes", 0, 3)}}, []int{1, 2, 1, 1, 3}},
		{"unsqueeze input",
			gradCase{op: "Unsqueeze", opset: 13, inputs: []*op.Tensor{x, intTensor(-1, 0)}}, []int{1, 2, 1, 3, 1}},
		{"transpose of length 1", gradCase{op: "Transpose", opset: 13, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("perm", 1, 0, 2)}}, []int{1, 2, 3}},
	} {
		expectNode(t, c.name, c.c, view(c.shape...))
	}
	scalar := floatTensor([]int{}, 7)
	expectNode(t, "flatten a scalar", gradCase{op: "Flatten", opset: 13, inputs: []*op.Tensor{scalar},
		attrs: attrs{intAttr("axis", 0)}}, floatTensor([]int{1, 1}, 7))
	expectNode(t, "reshape to a scalar",
		gradCase{op: "Reshape", opset: 13, inputs: []*op.Tensor{floatTensor([]int{1}, 7), intTensor()}}, scalar)
	empty := floatTensor([]int{0, 3})
	expectNode(t, "zero stays zero", gradCase{op: "Reshape", opset: 14, inputs: []*op.Tensor{empty, intTensor(3, 0)},
		attrs: attrs{intAttr("allowzero", 1)}}, floatTensor([]int{3, 0}))
}

func TestViewErrors(t *testing.T) {
	x := counting(2, 3)
	for name, c := range map[string]gradCase{
		"wrong size":    {op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(4, 2)}},
		"two to infer":  {op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(-1, -1)}},
		"negative":      {op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(-2, 3)}},
		"not divisible": {op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(-1, 4)}},
		"product overflows": {op: "Reshape", opset: 13,
			inputs: []*op.Tensor{floatTensor([]int{0}), intTensor(1<<32, 1<<32)}},
		"copies past rank":  {op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(2, 3, 0)}},
		"no shape":          {op: "Reshape", opset: 13, inputs: []*op.Tensor{x}},
		"flatten axis":      {op: "Flatten", opset: 13, inputs: []*op.Tensor{x}, attrs: attrs{intAttr("axis", 3)}},
		"squeeze length":    {op: "Squeeze", opset: 13, inputs: []*op.Tensor{x, intTensor(0)}},
		"squeeze axis":      {op: "Squeeze", opset: 13, inputs: []*op.Tensor{x, intTensor(2)}},
		"unsqueeze twice":   {op: "Unsqueeze", opset: 13, inputs: []*op.Tensor{x, intTensor(0, -4)}},
		"unsqueeze nothing": {op: "Unsqueeze", opset: 13, inputs: []*op.Tensor{x}},
		"perm rank":         {op: "Transpose", opset: 13, inputs: []*op.Tensor{x}, attrs: attrs{intsAttr("perm", 0)}},
		"perm repeats": {op: "Transpose", opset: 13, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("perm", 0, 0)}},
		"no input": {op: "Identity", opset: 13},
	} {
		expectError(t, name, c, op.ErrShape)
	}
	expectError(t, "shape from data",
		gradCase{op: "Reshape", opset: 13, inputs: []*op.Tensor{x, intTensor(6)}}, op.ErrUnsupported, 1)
}

func TestConstant(t *testing.T) {
	values, err := onnx.NewTensor("values", []int{2}, []float32{5, 7})
	if err != nil {
		t.Fatal(err)
	}
	sparse := func(shape []int, indices ...int64) *onnxpb.AttributeProto {
		at, err := onnx.NewTensor("at", shape, indices)
		if err != nil {
			t.Fatal(err)
		}
		return &onnxpb.AttributeProto{Name: proto.String("sparse_value"), SparseTensor: &onnxpb.SparseTensorProto{
			Values: values, Indices: at, Dims: []int64{2, 3},
		}}
	}
	dense := floatTensor([]int{2, 3}, 0, 5, 0, 0, 0, 7)
	for name, c := range map[string]struct {
		attr *onnxpb.AttributeProto
		want *op.Tensor
	}{
		"value":       {&onnxpb.AttributeProto{Name: proto.String("value"), T: values}, floatTensor([]int{2}, 5, 7)},
		"value_float": {floatAttr("value_float", 2.5), floatTensor([]int{}, 2.5)},
		"value_floats": {&onnxpb.AttributeProto{Name: proto.String("value_floats"),
			Floats: []float32{1, 2}}, floatTensor([]int{2}, 1, 2)},
		"value_int":     {intAttr("value_int", 3), shapedInts([]int{}, 3)},
		"value_ints":    {intsAttr("value_ints", 3, 4), intTensor(3, 4)},
		"sparse linear": {sparse([]int{2}, 1, 5), dense},
		"sparse tuples": {sparse([]int{2, 2}, 0, 1, 1, 2), dense},
	} {
		expectNode(t, name, gradCase{op: "Constant", opset: 13, attrs: attrs{c.attr}}, c.want)
	}
	for name, a := range map[string]*onnxpb.AttributeProto{
		"outside":       sparse([]int{2}, 1, 6),
		"negative":      sparse([]int{2}, -1, 2),
		"tuple outside": sparse([]int{2, 2}, 0, 1, 1, 3),
		"too few":       sparse([]int{1}, 1),
	} {
		expectError(t, name, gradCase{op: "Constant", opset: 13, attrs: attrs{a}}, onnx.ErrInvalid)
	}
	expectError(t, "string",
		gradCase{op: "Constant", opset: 13, attrs: attrs{stringAttr("value_string", "x")}}, op.ErrUnsupported)
	expectError(t, "nothing", gradCase{op: "Constant", opset: 13}, op.ErrUnsupported)
}

// A sparse initializer is read as the dense tensor that it stands for.
func TestSparseInitializer(t *testing.T) {
	values, err := onnx.NewTensor("w", []int{1}, []float32{5})
	if err != nil {
		t.Fatal(err)
	}
	g := &onnxpb.GraphProto{
		Node:   []*onnxpb.NodeProto{nodeOf("y", "Identity", []string{"w"})},
		Output: []*onnxpb.ValueInfoProto{valueInfo("y", onnx.Float32)},
		SparseInitializer: []*onnxpb.SparseTensorProto{{Values: values,
			Indices: initializer(t, "at", []int{1, 2}, 1, 0), Dims: []int64{2, 2}}},
	}
	m, err := onnx.FromProto(&onnxpb.ModelProto{Graph: g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(13)}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Evaluate(m, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(got[0], floatTensor([]int{2, 2}, 0, 0, 5, 0), 0, 0); err != nil {
		t.Error(err)
	}
}

func TestConstantFill(t *testing.T) {
	value := floatAttr("value", 2)
	for name, c := range map[string]struct {
		c    gradCase
		want *op.Tensor
	}{
		"attribute": {gradCase{attrs: attrs{value, intsAttr("shape", 2)}}, floatTensor([]int{2}, 2, 2)},
		"like the input": {gradCase{attrs: attrs{value, intsAttr("extra_shape", 1)},
			inputs: []*op.Tensor{counting(2)}}, floatTensor([]int{2, 1}, 2, 2)},
		"from the input": {gradCase{attrs: attrs{intAttr("input_as_shape", 1), intAttr("dtype", int64(onnx.Int64)),
			value}, inputs: []*op.Tensor{intTensor(1, 2)}},
			shapedInts([]int{1, 2}, 2, 2)},
	} {
		c.c.op, c.c.opset = "ConstantFill", 6
		expectNode(t, name, c.c, c.want)
	}
	expectError(t, "negative", gradCase{op: "ConstantFill", opset: 1, attrs: attrs{intsAttr("shape", -1)}}, op.ErrShape)
	expectError(t, "huge",
		gradCase{op: "ConstantFill", opset: 1, attrs: attrs{intsAttr("shape", 1<<40, 1<<40)}}, op.ErrShape)
	expectError(t, "strings",
		gradCase{op: "ConstantFill", opset: 1, attrs: attrs{intAttr("dtype", int64(onnx.String))}}, op.ErrUnsupported)
}
