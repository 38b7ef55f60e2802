package onnx_test

import (
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// linear is a model y = x + b with b = [1 2].
func linear() *onnxpb.ModelProto {
	b, err := onnx.NewTensor("b", []int{2}, []float32{1, 2})
	if err != nil {
		panic(err)
	}
	value := func(name string) *onnxpb.ValueInfoProto {
		tensor := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32))}
		return &onnxpb.ValueInfoProto{Name: proto.String(name),
			Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tensor}}}
	}
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("linear"), Input: []*onnxpb.ValueInfoProto{value("x")},
			Output:      []*onnxpb.ValueInfoProto{value("y")},
			Initializer: []*onnxpb.TensorProto{b},
			Node: []*onnxpb.NodeProto{{Name: proto.String("add"), OpType: proto.String("Add"),
				Input: []string{"x", "b"}, Output: []string{"y"}}},
		},
	}
}

// Read a file, give one tensor new values, and write the result beside it.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.onnx"), filepath.Join(dir, "out.onnx")
	data, _ := proto.Marshal(linear())
	if err := os.WriteFile(in, data, 0o600); err != nil {
		fmt.Println(err)
		return
	}

	m, err := onnx.Open(in)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	b := m.Proto().GetGraph().GetInitializer()[0]
	values, err := m.Tensor(b).Doubles(nil)
	fmt.Println(values, err)

	view, err := m.With(
		onnx.SetValues(b, func() ([]float64, error) { return []float64{10, 20}, nil }),
		onnx.SetMetadata("made.by", "example"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = onnx.WriteFile(out, view, onnx.WriteOptions{Verify: func(tmp string) error {
		written, err := onnx.Open(tmp)
		if err != nil {
			return err
		}
		defer written.Close()
		values, err := written.Tensor(written.Proto().GetGraph().GetInitializer()[0]).Floats(nil)
		fmt.Println(values)
		return err
	}})
	fmt.Println(err)
	// Output:
	// [1 2] <nil>
	// [10 20]
	// <nil>
}

// All that is wrong with a model is reported at once.
func ExampleCheck() {
	p := linear()
	p.Graph.Node[0].Input[0] = "nowhere"
	p.Graph.Initializer[0].Dims[0] = 3
	m, err := onnx.FromProto(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range onnx.Check(m) {
		fmt.Println(v)
	}
	// Output:
	// "b": 8 bytes of payload, 3 elements of float32 need 12
	// node add: "nowhere": input is not an input, an initializer or an output of any node
}

// Walk visits the nodes of subgraphs and functions too.
func ExampleModel_Walk() {
	m, err := onnx.FromProto(linear())
	if err != nil {
		fmt.Println(err)
		return
	}
	err = m.Walk(func(at onnx.Place, n *onnxpb.NodeProto) error {
		fmt.Println(&at, n.GetOpType(), n.GetInput())
		return nil
	})
	fmt.Println(err)
	// Output:
	// graph Add [x b]
	// <nil>
}
