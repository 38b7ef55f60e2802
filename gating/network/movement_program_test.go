package network

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// movingModel reads an embedding by data and moves what it reads through most operators that move elements, among
// them nodes with two outputs and indices that depend on the embedding itself.
func movingModel(t *testing.T) *onnx.Model {
	t.Helper()
	two := nodeOf("a", "Split", []string{"e"}, optest.IntAttr("axis", 2))
	two.Output = []string{"a", "b"}
	top := nodeOf("values", "TopK", []string{"s", "two"}, optest.IntAttr("axis", -1))
	top.Output = []string{"values", "indices"}
	table, err := onnx.NewTensor("table", []int{5, 4}, make([]float32, 20))
	if err != nil {
		t.Fatal(err)
	}
	scales, err := onnx.NewTensor("scales", []int{3}, []float32{1, 1, 1.5})
	if err != nil {
		t.Fatal(err)
	}
	g := &onnxpb.GraphProto{
		Input: []*onnxpb.ValueInfoProto{valueInfo("ids", onnx.Int64)},
		Node: []*onnxpb.NodeProto{
			nodeOf("e", "Gather", []string{"table", "ids"}),
			two,
			nodeOf("t", "Transpose", []string{"a"}, optest.IntsAttr("perm", 0, 2, 1)),
			nodeOf("f", "Reshape", []string{"b", "fold"}),
			nodeOf("c", "Concat", []string{"t", "f", "t"}, optest.IntAttr("axis", 1)),
			nodeOf("p", "Pad", []string{"c", "pads"}, optest.StringAttr("mode", "reflect")),
			nodeOf("r", "Resize", []string{"p", "", "scales"}, optest.StringAttr("mode", "linear")),
			nodeOf("s", "Slice", []string{"r", "from", "to", "last", "step"}),
			top,
			nodeOf("again", "GatherElements", []string{"s", "indices"}, optest.IntAttr("axis", 2)),
			nodeOf("both", "Concat", []string{"values", "again"}, optest.IntAttr("axis", 2)),
			nodeOf("wide", "Tile", []string{"both", "times"}),
			nodeOf("sums", "CumSum", []string{"wide", "last"}, optest.IntAttr("reverse", 1)),
			nodeOf("y", "ScatterND", []string{"sums", "where", "row"}),
		},
		Initializer: []*onnxpb.TensorProto{
			table, scales, initializer(t, "two", []int{1}, 2), initializer(t, "fold", []int{3}, 2, 2, 3),
			initializer(t, "pads", []int{6}, 0, 0, 2, 0, 0, 1),
			initializer(t, "from", []int{1}, -1), initializer(t, "to", []int{1}, math.MinInt64),
			initializer(t, "last", []int{1}, 2), initializer(t, "step", []int{1}, -2),
			initializer(t, "times", []int{3}, 1, 2, 1), initializer(t, "where", []int{1, 2}, 1, 3),
		},
		Output: []*onnxpb.ValueInfoProto{valueInfo("y", onnx.Float32)},
	}
	row, err := onnx.NewTensor("row", []int{1, 4}, []float32{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	g.Initializer = append(g.Initializer, row)
	m, err := onnx.FromProto(&onnxpb.ModelProto{Graph: g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(16)}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The gradient of the coefficients through the tape is the one that the forward pass has.
func TestMovementInProgram(t *testing.T) {
	m := movingModel(t)
	read := onnx.Site{Node: m.Proto().GetGraph().GetNode()[0], Input: 0}
	parents := [][]float32{optest.RandomTensor(1, 5, 4).F, optest.RandomTensor(2, 5, 4).F}
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"ids": {2, 3}},
		Params: []ir.Param{{Name: "table", Sites: []onnx.Site{read}, Shape: []int{5, 4},
			Type: onnx.Float32, Values: parents, Axis: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string]*op.Tensor{"ids": shapedInts([]int{2, 3}, 4, 0, -2, 1, 1, 2)}
	target := op.NewTensor(lowered.lowered.Outputs[0].Spec)
	optest.Fill(target.F, 9)
	at := []float32{0.3, 0.6}

	p, err := NewProgram(lowered, HeadOf(0, MSE{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	machine := compiled(t, p, [][]float64{optest.Each(at, func(v float32) float64 { return float64(v) })})
	if err := p.Load(inputs, target); err != nil {
		t.Fatal(err)
	}
	if _, err := machine.Run(); err != nil {
		t.Fatal(err)
	}
	got := machine.Gradient(0)

	run := NewRunner(lowered, nil)
	value := func(c ...float64) float64 {
		out, err := run.Run(inputs, [][]float64{c})
		if err != nil {
			t.Fatal(err)
		}
		v, err := Mean(MSE{}, out[0], target)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const h = 1e-3
	x, y := float64(at[0]), float64(at[1])
	want := []float64{(value(x+h, y) - value(x-h, y)) / (2 * h), (value(x, y+h) - value(x, y-h)) / (2 * h)}
	if err := optest.CloseTo(got, want, 1e-3); err != nil {
		t.Error(err)
	}
}
