package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// TestFixedBatchIsWidened runs a network that was exported for one sample at a
// time on many: one run at a time took four times as long.
func TestFixedBatchIsWidened(t *testing.T) {
	m := openAll(t, "cnn_fixed/ft0.onnx")[0]
	if n := fixedBatch(m); n != 1 {
		t.Fatalf("the fixture's batch size is %d, want 1", n)
	}
	f, err := newForward(m, openData(t, m, "val.npz"), m.Proto().GetGraph().GetOutput()[0].GetName(), 64, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.fixed || f.batch != 64 {
		t.Errorf("batch %d, fixed %v: want 64 samples a run", f.batch, f.fixed)
	}
}

// windowNet is for exactly batch samples [4] and has shapes with that number in
// them: it turns pairs of each sample around and weighs them against each other.
func windowNet(t *testing.T, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", batch, 4)
	b.weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.weight(t, "w2", onnx.Float32, seed+200, 6, 3)
	for name, shape := range map[string][]int64{"pairs": {2 * batch, 1, 3}, "whole": {batch, -1}} {
		b.Initializer = append(b.Initializer, must(onnx.NewTensor(name, []int{len(shape)}, shape))(t))
	}
	b.node("MatMul", "h", []string{"x", "w1"})
	b.node("Reshape", "p", []string{"h", "pairs"})
	b.node("Softmax", "s", []string{"p"})
	b.node("Reshape", "r", []string{"s", "whole"})
	b.node("MatMul", "y", []string{"r", "w2"})
	b.out("y")
	return b.model(t)
}

// TestWrittenShapesGrowWithTheBatch: a network exported for a fixed batch size,
// with that number in the shapes of its Reshapes, computes and learns on as many
// whole batches at once as fit, what it does on one.
func TestWrittenShapesGrowWithTheBatch(t *testing.T) {
	d := labelled(samples(5, 13, 4), 3)
	for _, batch := range []int64{1, 2} {
		models := []*onnx.Model{windowNet(t, batch, 1), windowNet(t, batch, 2)}
		c := newLearnCase(t, models, d, ByLayer)
		wide := must(newForward(c.plan.base(), d, c.obj.Output, 7, c.plan, nil))(t)
		if want := 7 / int(batch) * int(batch); !wide.fixed || wide.batch != want || wide.sizes[0] != want {
			t.Fatalf("batch %d: %d samples a run, fixed %v, want exactly %d", batch, wide.batch, wide.fixed, want)
		}
		narrow := must(newForward(c.plan.base(), d, c.obj.Output, int(batch), c.plan, nil))(t)
		coeffs := [][]float64{{0.3, 0.7}, {0.6, 0.4}}
		got, err := wide.score(t.Context(), c.obj, coeffs)
		if err != nil {
			t.Fatal(err)
		}
		want, err := narrow.score(t.Context(), c.obj, coeffs)
		if err != nil || math.Abs(got.Loss-want.Loss) > 1e-6 || got.Metric != want.Metric {
			t.Errorf("batch %d: %+v at once, %+v one by one: %v", batch, got, want, err)
		}
	}
}

// TestMixedSamplesAreNotWidened keeps the exported batch size where samples of a
// batch depend on each other: here each is divided by the batch's mean.
func TestMixedSamplesAreNotWidened(t *testing.T) {
	m := openAll(t, "cnn_fixed/ft0.onnx")[0]
	g := m.Proto().GetGraph()
	p := &onnxpb.ModelProto{
		IrVersion: proto.Int64(7), OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(13)}},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("mixing"), Input: g.GetInput(), Output: []*onnxpb.ValueInfoProto{{Name: proto.String("y"), Type: g.GetInput()[0].GetType()}},
			Node: []*onnxpb.NodeProto{
				{OpType: proto.String("ReduceMean"), Input: []string{g.GetInput()[0].GetName()}, Output: []string{"mean"}},
				{OpType: proto.String("Sub"), Input: []string{g.GetInput()[0].GetName(), "mean"}, Output: []string{"y"}},
			},
		},
	}
	mixing, err := onnx.FromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newForward(mixing, openData(t, m, "val.npz"), "y", 64, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !f.fixed || f.batch != 1 {
		t.Errorf("batch %d, fixed %v: want one sample a run", f.batch, f.fixed)
	}
}
