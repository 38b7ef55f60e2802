package gating

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// The vocabulary is that of the least table which an input reaches untouched: a clipped index, or one that something is
// added to, may be any number.
func TestBoundLookups(t *testing.T) {
	node := func(op, out string, axis int64, in ...string) *onnxpb.NodeProto {
		return &onnxpb.NodeProto{OpType: proto.String(op), Input: in, Output: []string{out},
			Attribute: []*onnxpb.AttributeProto{{Name: proto.String("axis"), I: proto.Int64(axis)}}}
	}
	table := func(name string, dims ...int64) *onnxpb.TensorProto {
		return &onnxpb.TensorProto{Name: proto.String(name), Dims: dims}
	}
	g := &onnxpb.GraphProto{
		Initializer: []*onnxpb.TensorProto{table("words", 17, 8), table("small", 8, 12), table("offset")},
		Node: []*onnxpb.NodeProto{
			node("Cast", "ids64", 0, "ids"),
			node("Reshape", "flat", 0, "ids64", "shape"),
			node("Cast", "words32", 0, "words"),
			node("Gather", "a", 0, "words32", "flat"),
			node("Gather", "b", -1, "small", "both"),
			node("Gather", "c", 0, "words", "both"),
			node("Add", "shifted", 0, "free", "offset"),
			node("Gather", "d", 0, "words", "shifted"),
			node("Gather", "e", 0, "computed", "free"),
			node("Gather", "f", 7, "words", "free"),
		},
	}
	fields := []dataset.Field{{Name: "ids"}, {Name: "both"}, {Name: "free"}}
	boundLookups(g, fields)
	for i, want := range []int64{17, 12, 0} {
		if got := fields[i].Below; got != want {
			t.Errorf("%s: below %d, want %d", fields[i].Name, got, want)
		}
	}
}
