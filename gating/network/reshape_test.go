package network

import (
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
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
		c     optest.Case
		shape []int
	}{
		{"identity", optest.Case{Op: "Identity", Opset: 1, Inputs: []*op.Tensor{x}}, []int{2, 1, 3}},
		{"reshape attribute", optest.Case{Op: "Reshape", Opset: 1, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("shape", 3, 2)}}, []int{3, 2}},
		{"reshape copies and infers",
			optest.Case{Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0, -1, 1, 1)}},
			[]int{2, 3, 1, 1}},
		{"reshape to a vector",
			optest.Case{Op: "Reshape", Opset: 21, Inputs: []*op.Tensor{x, optest.IntTensor(-1)}}, []int{6}},
		{"flatten", optest.Case{Op: "Flatten", Opset: 9, Inputs: []*op.Tensor{x}}, []int{2, 3}},
		{"flatten at 0",
			optest.Case{Op: "Flatten", Opset: 13, Inputs: []*op.Tensor{x},
				Attrs: optest.Attrs{optest.IntAttr("axis", 0)}}, []int{1, 6}},
		{"flatten at the end",
			optest.Case{Op: "Flatten", Opset: 13, Inputs: []*op.Tensor{x},
				Attrs: optest.Attrs{optest.IntAttr("axis", 3)}}, []int{6, 1}},
		{"flatten from the end", optest.Case{Op: "Flatten", Opset: 13, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntAttr("axis", -1)}}, []int{2, 3}},
		{"squeeze attribute", optest.Case{Op: "Squeeze", Opset: 11, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("axes", -2)}}, []int{2, 3}},
		{"squeeze input",
			optest.Case{Op: "Squeeze", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(1)}}, []int{2, 3}},
		{"squeeze all", optest.Case{Op: "Squeeze", Opset: 13, Inputs: []*op.Tensor{x}}, []int{2, 3}},
		{"squeeze none",
			optest.Case{Op: "Squeeze", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor()}}, []int{2, 1, 3}},
		{"unsqueeze attribute", optest.Case{Op: "Unsqueeze", Opset: 1, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("axes", 0, 3)}}, []int{1, 2, 1, 1, 3}},
		{"unsqueeze input",
			optest.Case{Op: "Unsqueeze", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(-1, 0)}},
			[]int{1, 2, 1, 3, 1}},
		{"transpose of length 1", optest.Case{Op: "Transpose", Opset: 13, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("perm", 1, 0, 2)}}, []int{1, 2, 3}},
	} {
		expectNode(t, c.name, c.c, view(c.shape...))
	}
	classes := counting(4, 3)
	expectNode(t, "a map from classes to probabilities", optest.Case{Op: "ZipMap", Domain: "ai.onnx.ml", Opset: 1,
		Inputs: []*op.Tensor{classes}, Attrs: optest.Attrs{optest.IntsAttr("classlabels_int64s", 7, 8, 9)}}, classes)
	scalar := floatTensor([]int{}, 7)
	expectNode(t, "flatten a scalar", optest.Case{Op: "Flatten", Opset: 13, Inputs: []*op.Tensor{scalar},
		Attrs: optest.Attrs{optest.IntAttr("axis", 0)}}, floatTensor([]int{1, 1}, 7))
	expectNode(t, "reshape to a scalar",
		optest.Case{Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{1}, 7), optest.IntTensor()}},
		scalar)
	empty := floatTensor([]int{0, 3})
	expectNode(t, "zero stays zero",
		optest.Case{Op: "Reshape", Opset: 14, Inputs: []*op.Tensor{empty, optest.IntTensor(3, 0)},
			Attrs: optest.Attrs{optest.IntAttr("allowzero", 1)}}, floatTensor([]int{3, 0}))
}

func TestViewErrors(t *testing.T) {
	x := counting(2, 3)
	for name, c := range map[string]optest.Case{
		"wrong size":    {Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(4, 2)}},
		"two to infer":  {Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(-1, -1)}},
		"negative":      {Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(-2, 3)}},
		"not divisible": {Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(-1, 4)}},
		"product overflows": {Op: "Reshape", Opset: 13,
			Inputs: []*op.Tensor{floatTensor([]int{0}), optest.IntTensor(1<<32, 1<<32)}},
		"copies past rank": {Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(2, 3, 0)}},
		"no shape":         {Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x}},
		"flatten axis": {Op: "Flatten", Opset: 13, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntAttr("axis", 3)}},
		"squeeze length":    {Op: "Squeeze", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0)}},
		"squeeze axis":      {Op: "Squeeze", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(2)}},
		"unsqueeze twice":   {Op: "Unsqueeze", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0, -4)}},
		"unsqueeze nothing": {Op: "Unsqueeze", Opset: 13, Inputs: []*op.Tensor{x}},
		"perm rank": {Op: "Transpose", Opset: 13, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("perm", 0)}},
		"perm repeats": {Op: "Transpose", Opset: 13, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("perm", 0, 0)}},
		"no input": {Op: "Identity", Opset: 13},
		"a map of other classes": {Op: "ZipMap", Domain: "ai.onnx.ml", Opset: 1, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("classlabels_int64s", 0, 1)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
	expectError(t, "shape from data",
		optest.Case{Op: "Reshape", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(6)}}, op.ErrUnsupported, 1)
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
		"value_float": {optest.FloatAttr("value_float", 2.5), floatTensor([]int{}, 2.5)},
		"value_floats": {&onnxpb.AttributeProto{Name: proto.String("value_floats"),
			Floats: []float32{1, 2}}, floatTensor([]int{2}, 1, 2)},
		"value_int":     {optest.IntAttr("value_int", 3), shapedInts([]int{}, 3)},
		"value_ints":    {optest.IntsAttr("value_ints", 3, 4), optest.IntTensor(3, 4)},
		"sparse linear": {sparse([]int{2}, 1, 5), dense},
		"sparse tuples": {sparse([]int{2, 2}, 0, 1, 1, 2), dense},
	} {
		expectNode(t, name, optest.Case{Op: "Constant", Opset: 13, Attrs: optest.Attrs{c.attr}}, c.want)
	}
	for name, a := range map[string]*onnxpb.AttributeProto{
		"outside":       sparse([]int{2}, 1, 6),
		"negative":      sparse([]int{2}, -1, 2),
		"tuple outside": sparse([]int{2, 2}, 0, 1, 1, 3),
		"too few":       sparse([]int{1}, 1),
	} {
		expectError(t, name, optest.Case{Op: "Constant", Opset: 13, Attrs: optest.Attrs{a}}, onnx.ErrInvalid)
	}
	expectError(t, "string",
		optest.Case{Op: "Constant", Opset: 13, Attrs: optest.Attrs{optest.StringAttr("value_string", "x")}},
		op.ErrUnsupported)
	expectError(t, "nothing", optest.Case{Op: "Constant", Opset: 13}, op.ErrUnsupported)
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
	if err := optest.Compare(got[0], floatTensor([]int{2, 2}, 0, 0, 5, 0), 0, 0); err != nil {
		t.Error(err)
	}
}

func TestConstantFill(t *testing.T) {
	value := optest.FloatAttr("value", 2)
	for name, c := range map[string]struct {
		c    optest.Case
		want *op.Tensor
	}{
		"attribute": {optest.Case{Attrs: optest.Attrs{value, optest.IntsAttr("shape", 2)}},
			floatTensor([]int{2}, 2, 2)},
		"like the input": {optest.Case{Attrs: optest.Attrs{value, optest.IntsAttr("extra_shape", 1)},
			Inputs: []*op.Tensor{counting(2)}}, floatTensor([]int{2, 1}, 2, 2)},
		"from the input": {optest.Case{Attrs: optest.Attrs{optest.IntAttr("input_as_shape", 1),
			optest.IntAttr("dtype", int64(onnx.Int64)),
			value}, Inputs: []*op.Tensor{optest.IntTensor(1, 2)}},
			shapedInts([]int{1, 2}, 2, 2)},
	} {
		c.c.Op, c.c.Opset = "ConstantFill", 6
		expectNode(t, name, c.c, c.want)
	}
	expectError(t, "negative",
		optest.Case{Op: "ConstantFill", Opset: 1, Attrs: optest.Attrs{optest.IntsAttr("shape", -1)}}, op.ErrShape)
	expectError(t, "huge",
		optest.Case{Op: "ConstantFill", Opset: 1, Attrs: optest.Attrs{optest.IntsAttr("shape", 1<<40, 1<<40)}},
		op.ErrShape)
	expectError(t, "strings",
		optest.Case{Op: "ConstantFill", Opset: 1, Attrs: optest.Attrs{optest.IntAttr("dtype", int64(onnx.String))}},
		op.ErrUnsupported)
}
