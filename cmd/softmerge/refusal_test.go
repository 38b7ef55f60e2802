package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npz"
	"gonum.org/v1/gonum/mat"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// floatValue declares a float32 value with symbolic axes.
func floatValue(name string, dims ...string) *onnxpb.ValueInfoProto {
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		shape.Dim = append(shape.Dim,
			&onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d}})
	}
	tensor := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32)), Shape: shape}
	return &onnxpb.ValueInfoProto{Name: proto.String(name),
		Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tensor}}}
}

// smallModel writes a linear classifier of samples with 6 numbers, whose graph does not say that they
// are 6, with an operator between the samples and the weight.
func smallModel(t *testing.T, name, domain, op string, scale float32) string {
	t.Helper()
	values := make([]float32, 6*3)
	for i := range values {
		values[i] = scale * float32(i%5)
	}
	weight, err := onnx.NewTensor("head.weight", []int{6, 3}, values)
	if err != nil {
		t.Fatal(err)
	}
	opsets := []*onnxpb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(13)}}
	if domain != "" {
		opsets = append(opsets, &onnxpb.OperatorSetIdProto{Domain: proto.String(domain), Version: proto.Int64(1)})
	}
	m, err := onnx.FromProto(&onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: opsets,
		Graph: &onnxpb.GraphProto{
			Name:        proto.String("small"),
			Initializer: []*onnxpb.TensorProto{weight},
			Input:       []*onnxpb.ValueInfoProto{floatValue("x", "batch", "width")},
			Output:      []*onnxpb.ValueInfoProto{floatValue("logits", "batch", "classes")},
			Node: []*onnxpb.NodeProto{
				{Name: proto.String("first"), Domain: proto.String(domain), OpType: proto.String(op),
					Input: []string{"x"}, Output: []string{"y"}},
				{Name: proto.String("head"), OpType: proto.String("MatMul"), Input: []string{"y", "head.weight"},
					Output: []string{"logits"}},
			},
		}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// smallData writes 30 samples of some numbers each, with labels of three classes.
func smallData(t *testing.T, width int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.npz")
	w, err := npz.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	x, labels := mat.NewDense(30, width, nil), make([]int64, 30)
	for i := range labels {
		labels[i] = int64(i % 3)
		x.Set(i, i%width, 1)
	}
	if err := w.Write("x.npy", x); err != nil {
		t.Fatal(err)
	}
	if err := w.Write("label.npy", labels); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnknownOperator: "my model has a custom operator". What must run it is refused with code 5, naming the node; what
// need not run it works.
func TestUnknownOperator(t *testing.T) {
	a, b := smallModel(t, "a.onnx", "com.example", "Mystery", 1), smallModel(t, "b.onnx", "com.example", "Mystery", 2)
	data, out := smallData(t, 6), filepath.Join(t.TempDir(), "m.onnx")
	for _, args := range [][]string{{"eval", a, "--data", data}, {"merge", a, b, "-o", out, "--data", data}} {
		got := command(args...)
		if got.code != exit.Unsupported || !strings.Contains(got.stderr, `"first"`) ||
			!strings.Contains(got.stderr, "com.example.Mystery") {
			t.Errorf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	if got := command("inspect", "--ops", a); got.code != 0 ||
		!strings.Contains(got.stdout, "com.example.Mystery      1      1  missing    none      first") ||
		!strings.Contains(got.stdout, "not supported: com.example.Mystery") {
		t.Errorf("inspect: exit code %d: %s", got.code, got.stdout)
	}
	if got := command("merge", a, b, "-o", out, "--method", "uniform"); got.code != 0 {
		t.Errorf("uniform: exit code %d: %s", got.code, got.stderr)
	}
}

// TestDataThatDoesNotFit: where the graph leaves sizes open, samples of the wrong size are the data's fault
// (7), not the file's.
func TestDataThatDoesNotFit(t *testing.T) {
	a, b := smallModel(t, "a.onnx", "", "Relu", 1), smallModel(t, "b.onnx", "", "Relu", 2)
	if got := command("eval", a, b, "--data", smallData(t, 6)); got.code != 0 {
		t.Fatalf("data that fits: exit code %d: %s", got.code, got.stderr)
	}
	wide := smallData(t, 7)
	out := filepath.Join(t.TempDir(), "m.onnx")
	for _, args := range [][]string{{"eval", a, "--data", wide}, {"merge", a, b, "-o", out, "--data", wide}} {
		if got := command(args...); got.code != exit.Data || !strings.Contains(got.stderr, "does not fit the graph") {
			t.Errorf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
}

// TestModelsWithoutWeights have nothing to align.
func TestModelsWithoutWeights(t *testing.T) {
	path := filepath.Join(fixtures(), "onnx-node-tests", "test_relu", "model.onnx")
	out := filepath.Join(t.TempDir(), "m.onnx")
	for _, args := range [][]string{{"match", path, path}, {"merge", path, path, "--method", "uniform", "-o", out}} {
		if got := command(args...); got.code != exit.Align || !strings.Contains(got.stderr, "they have no weights") {
			t.Errorf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
}
