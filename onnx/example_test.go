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

// saved writes the model to a file of a folder for examples.
func saved() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	data, err := proto.Marshal(linear())
	if err != nil {
		panic(err)
	}
	path = filepath.Join(dir, "in.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		panic(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

// Read a file, give one tensor new values, and write the result beside it: the new file appears whole and
// checked, or not at all.
func Example() {
	in, remove := saved()
	defer remove()
	if err := double(in, filepath.Join(filepath.Dir(in), "out.onnx")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [1 2]
	// [2 4]
}

// double writes a copy of a model with its first weight doubled.
func double(in, out string) error {
	m, err := onnx.Open(in)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := onnx.Validate(m); err != nil {
		return err
	}
	weight := m.Proto().GetGraph().GetInitializer()[0]
	values, err := m.Tensor(weight).Doubles(nil)
	if err != nil {
		return err
	}
	fmt.Println(values)
	view, err := m.With(onnx.SetValues(weight, func() ([]float64, error) {
		twice := make([]float64, len(values))
		for i, v := range values {
			twice[i] = 2 * v
		}
		return twice, nil
	}))
	if err != nil {
		return err
	}
	return onnx.WriteFile(out, view, onnx.WriteOptions{Verify: func(temporary string) error {
		written, err := onnx.Open(temporary)
		if err != nil {
			return err
		}
		defer written.Close()
		values, err := written.Tensor(written.Proto().GetGraph().GetInitializer()[0]).Floats(nil)
		fmt.Println(values)
		return err
	}})
}

// Put a node between two others, with a weight of its own. The model itself stays as it is.
func ExampleModel_With() {
	m, err := onnx.FromProto(linear())
	if err != nil {
		fmt.Println(err)
		return
	}
	g := m.Proto().GetGraph()
	add := g.GetNode()[0]
	scale := &onnxpb.NodeProto{Name: proto.String("scale"), OpType: proto.String("Mul"),
		Input: []string{"x", "factor"}, Output: []string{"scaled"}}
	view, err := m.With(
		onnx.AddInitializer(g, "factor", onnx.Float32, []int{1}, func() ([]float64, error) {
			return []float64{3},
				nil
		}),
		onnx.AddNode(g, add, scale),
		onnx.SetInput(add, 0, "scaled"),
		onnx.SetMetadata("made.by", "example"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range []*onnx.Model{m, view} {
		for _, n := range m.Proto().GetGraph().GetNode() {
			fmt.Println(n.GetName(), n.GetInput())
		}
		fmt.Println(onnx.Validate(m))
	}
	// Output:
	// add [x b]
	// <nil>
	// scale [x factor]
	// add [scaled b]
	// <nil>
}

// Numbers of any type are read in the one that is asked for; a float32 is given as it is.
func ExampleTensor() {
	half, err := onnx.NewFloatTensor("half", onnx.Float16, []int{2, 1}, []float64{0.1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	t := onnx.TensorOf(half)
	values, err := t.Floats(nil)
	fmt.Println(t.Name(), t.DataType(), t.Shape(), values, err)
	_, err = t.Ints(nil)
	fmt.Println(err)
	// Output:
	// half float16 [2 1] [0.099975586 1] <nil>
	// tensor "half" is of type float16 and not of an integer type
}

// Nodes that were put together in any order are sorted so that each comes after what it reads.
func ExampleOrder() {
	node := func(out string, in ...string) *onnxpb.NodeProto {
		return &onnxpb.NodeProto{Name: proto.String(out), OpType: proto.String("Add"), Input: in, Output: []string{out}}
	}
	sorted, err := onnx.Order([]*onnxpb.NodeProto{node("c", "a", "b"), node("b", "a", "x"), node("a", "x", "y")})
	for _, n := range sorted {
		fmt.Println(n.GetName(), n.GetInput())
	}
	fmt.Println(err)
	// Output:
	// a [x y]
	// b [a x]
	// c [a b]
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
