package network

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// nodeOf makes a node whose only output has the given name.
func nodeOf(out, op string, in []string, a ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: proto.String(op), Input: in, Output: []string{out}, Attribute: a}
}

// initializer makes an int64 tensor.
func initializer(t *testing.T, name string, shape []int, v ...int64) *onnxpb.TensorProto {
	t.Helper()
	p, err := onnx.NewTensor(name, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What an exporter with a symbolic batch axis writes for x.view(x.size(0), -1) and
// for positions of a sequence leaves no node behind but the one that reads a table.
func TestShapeChainVanishes(t *testing.T) {
	g := &onnxpb.GraphProto{
		Input: []*onnxpb.ValueInfoProto{valueInfo("x", onnx.Float32)},
		Node: []*onnxpb.NodeProto{
			nodeOf("shape", "Shape", []string{"x"}),
			nodeOf("n", "Gather", []string{"shape", "zero"}, optest.IntAttr("axis", 0)),
			nodeOf("n1", "Unsqueeze", []string{"n", "first"}),
			nodeOf("rest", "ConstantOfShape", []string{"one"},
				&onnxpb.AttributeProto{Name: proto.String("value"), T: initializer(t, "", []int{1}, -1)}),
			nodeOf("target", "Concat", []string{"n1", "rest"}, optest.IntAttr("axis", 0)),
			nodeOf("flat", "Reshape", []string{"x", "target"}),
			nodeOf("steps", "Slice", []string{"shape", "one", "two"}),
			nodeOf("length", "Squeeze", []string{"steps"}),
			nodeOf("range", "Range", []string{"zero", "length", "unit"}),
			nodeOf("row", "Unsqueeze", []string{"range", "first"}),
			nodeOf("grid", "Concat", []string{"n1", "steps"}, optest.IntAttr("axis", -1)),
			nodeOf("positions", "Expand", []string{"row", "grid"}),
			nodeOf("read", "GatherElements", []string{"flat", "positions"}, optest.IntAttr("axis", 1)),
		},
		Initializer: []*onnxpb.TensorProto{
			initializer(t, "zero", []int{}, 0), initializer(t, "unit", []int{}, 1),
			initializer(t, "first", []int{1}, 0),
			initializer(t, "one", []int{1}, 1), initializer(t, "two", []int{1}, 2),
		},
		Output: []*onnxpb.ValueInfoProto{valueInfo("read", onnx.Float32)},
	}
	m, err := onnx.FromProto(&onnxpb.ModelProto{Graph: g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(13)}}})
	if err != nil {
		t.Fatal(err)
	}
	for batch := range 3 {
		x := counting(batch, 2, 3)
		lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": x.Shape}})
		if err != nil {
			t.Fatal(err)
		}
		var ops []string
		for _, n := range lowered.lowered.Nodes {
			ops = append(ops, n.Op)
		}
		if !slices.Equal(ops, []string{"GatherElements"}) {
			t.Errorf("batch %d: nodes %v are left, want one", batch, ops)
		}
		out, err := NewRunner(lowered, nil).Run(map[string]*op.Tensor{"x": x}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{batch, 2}})
		for b := range batch {
			want.F[2*b], want.F[2*b+1] = float32(6*b+1), float32(6*b+2)
		}
		if err := optest.Compare(out[0], want, 0, 0); err != nil {
			t.Errorf("batch %d: %v", batch, err)
		}
	}
}
