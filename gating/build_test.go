package gating

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// must returns v or fails the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// built is a small model under construction.
type built struct{ *onnxpb.GraphProto }

func newBuilt() built { return built{&onnxpb.GraphProto{Name: proto.String("built")}} }

// valueInfo declares a float tensor; a negative length is the batch axis.
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
	return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tt}}}
}

func (b built) in(name string, dims ...int64) { b.Input = append(b.Input, valueInfo(name, dims...)) }
func (b built) out(name string)               { b.Output = append(b.Output, valueInfo(name)) }

// node adds a node whose name is that of its output.
func (b built) node(op, out string, in []string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	n := &onnxpb.NodeProto{Name: proto.String(out), OpType: proto.String(op), Input: in, Output: []string{out}, Attribute: attrs}
	b.Node = append(b.Node, n)
	return n
}

// weight adds an initializer of a float type with values drawn by the seed.
func (b built) weight(t testing.TB, name string, dt onnx.DataType, seed uint64, shape ...int) *onnxpb.TensorProto {
	return b.tensor(t, name, dt, random(seed, size(shape)), shape...)
}

func (b built) tensor(t testing.TB, name string, dt onnx.DataType, values []float64, shape ...int) *onnxpb.TensorProto {
	t.Helper()
	p := must(onnx.NewFloatTensor(name, dt, shape, values))(t)
	b.Initializer = append(b.Initializer, p)
	return p
}

// model closes the graph; declared outputs have no shape.
func (b built) model(t testing.TB) *onnx.Model {
	t.Helper()
	for _, o := range b.Output {
		o.GetType().GetTensorType().Shape = nil
	}
	m := must(onnx.FromProto(&onnxpb.ModelProto{
		IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(15)}}, Graph: b.GraphProto,
	}))(t)
	if err := onnx.Validate(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// random draws n numbers from the standard normal distribution.
func random(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 5))
	out := make([]float64, n)
	for i := range out {
		out[i] = r.NormFloat64()
	}
	return out
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func floats32(v []float64) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(v[i])
	}
	return out
}

// samples is n random samples of a shape for input "x", without label.
func samples(seed uint64, n int, shape ...int) *dataset.Data {
	return &dataset.Data{Inputs: []dataset.Column{{Name: "x", Type: onnx.Float32, Shape: shape, Floats: floats32(random(seed, n*size(shape)))}}}
}

// labelled adds class labels, one a sample, that count up.
func labelled(d *dataset.Data, classes int) *dataset.Data {
	label := &dataset.Column{Name: "label", Type: onnx.Int64, Ints: make([]int64, d.Len())}
	for i := range label.Ints {
		label.Ints[i] = int64(i % classes)
	}
	return &dataset.Data{Inputs: d.Inputs, Label: label}
}

// written writes a model and opens the file.
func written(t testing.TB, m *onnx.Model) *onnx.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.onnx")
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{Verify: func(string) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	back := must(onnx.Open(path))(t)
	t.Cleanup(func() { back.Close() })
	if err := onnx.Validate(back); err != nil {
		t.Fatal(err)
	}
	return back
}

// intAttr, floatAttr and intsAttr make attributes.
func intAttr(name string, v int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(v)}
}

func floatAttr(name string, v float32) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(v)}
}

func intsAttr(name string, v ...int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: v}
}
