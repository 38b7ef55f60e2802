package gatetest

import (
	"testing"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Builder builds a small model, node by node.
type Builder struct{ graph *onnxpb.GraphProto }

// NewBuilder begins an empty graph.
func NewBuilder() Builder { return Builder{&onnxpb.GraphProto{Name: proto.String("built")}} }

// In adds a float input; a negative length is the batch axis.
func (b Builder) In(name string, dims ...int64) {
	b.graph.Input = append(b.graph.Input, valueInfo(name, dims...))
}

// InOf adds an input of a type; a negative length is the batch axis.
func (b Builder) InOf(name string, dt onnx.DataType, dims ...int64) {
	b.In(name, dims...)
	b.graph.Input[len(b.graph.Input)-1].GetType().GetTensorType().ElemType = proto.Int32(int32(dt))
}

// Out adds an output, without a shape.
func (b Builder) Out(name string) {
	out := valueInfo(name)
	out.GetType().GetTensorType().Shape = nil
	b.graph.Output = append(b.graph.Output, out)
}

// valueInfo declares a float tensor.
func valueInfo(name string, dims ...int64) *onnxpb.ValueInfoProto {
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		dim := &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d}}
		if d < 0 {
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "batch"}
		}
		shape.Dim = append(shape.Dim, dim)
	}
	tt := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32)), Shape: shape}
	return &onnxpb.ValueInfoProto{
		Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tt}},
	}
}

// Node adds a node whose name is that of its output.
func (b Builder) Node(op, out string, in []string, attrs ...*onnxpb.AttributeProto) {
	b.graph.Node = append(b.graph.Node, &onnxpb.NodeProto{
		Name: proto.String(out), OpType: proto.String(op), Input: in, Output: []string{out}, Attribute: attrs,
	})
}

// Weight adds an initializer of a float type with values drawn by the seed.
func (b Builder) Weight(t testing.TB, name string, dt onnx.DataType, seed uint64, shape ...int) {
	t.Helper()
	b.Tensor(t, name, dt, Random(seed, Size(shape)), shape...)
}

// Tensor adds an initializer of a float type.
func (b Builder) Tensor(t testing.TB, name string, dt onnx.DataType, values []float64, shape ...int) {
	t.Helper()
	b.graph.Initializer = append(b.graph.Initializer, Must(onnx.NewFloatTensor(name, dt, shape, values))(t))
}

// Ints adds an initializer of integers, such as the shape that a Reshape reads.
func (b Builder) Ints(t testing.TB, name string, values ...int64) {
	t.Helper()
	b.graph.Initializer = append(b.graph.Initializer, Must(onnx.NewTensor(name, []int{len(values)}, values))(t))
}

// Model closes the graph.
func (b Builder) Model(t testing.TB) *onnx.Model {
	t.Helper()
	opset := []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(15)}}
	m := Must(onnx.FromProto(&onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: opset, Graph: b.graph}))(t)
	if err := onnx.Validate(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Int makes an attribute of one integer.
func Int(name string, v int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(v)}
}

// Float makes an attribute of one float.
func Float(name string, v float32) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_FLOAT.Enum(),
		F: proto.Float32(v)}
}

// Ints makes an attribute of several integers.
func Ints(name string, v ...int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: v}
}
