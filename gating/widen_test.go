package gating

import (
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
