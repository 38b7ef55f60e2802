package expand_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/network/expand"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Example joins a sequence of two tensors: while the graph is lowered the sequence is a list, and what is left to run
// is one Concat.
func Example() {
	node := func(op string, in []string, out string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
		return &onnxpb.NodeProto{OpType: proto.String(op), Input: in, Output: []string{out}, Attribute: attrs}
	}
	axis := &onnxpb.AttributeProto{Name: proto.String("axis"),
		Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(0)}
	float := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32))}
	m, err := onnx.FromProto(&onnxpb.ModelProto{
		IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(18)}},
		Graph: &onnxpb.GraphProto{
			Input: []*onnxpb.ValueInfoProto{{
				Name: proto.String("x"),
				Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: float}},
			}},
			Node: []*onnxpb.NodeProto{
				node("SequenceConstruct", []string{"x", "x"}, "list"),
				node("ConcatFromSequence", []string{"list"}, "y", axis),
			},
			Output: []*onnxpb.ValueInfoProto{{Name: proto.String("y")}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{2}, F: []float32{1, 2}}
	g, err := network.Lower(m, network.Config{Shapes: map[string][]int{"x": x.Shape}})
	if err != nil {
		fmt.Println(err)
		return
	}
	operator, _ := g.Producer(0)
	outs, err := network.NewRunner(g, nil).Run(map[string]*op.Tensor{"x": x}, nil)
	fmt.Println(expand.Operators["ConcatFromSequence"] != nil, operator, outs[0].F, err)
	// Output: true Concat [1 2 1 2] <nil>
}
