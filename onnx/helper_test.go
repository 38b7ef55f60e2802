package onnx

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// must returns v or fails the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// wantInvalid fails unless err is of kind ErrInvalid and says part.
func wantInvalid(tb testing.TB, err error, part string) {
	tb.Helper()
	if !errors.Is(err, ErrInvalid) {
		tb.Fatalf("got error %v, want one of kind ErrInvalid", err)
	}
	if !strings.Contains(err.Error(), part) {
		tb.Fatalf("got error %q, want it to say %q", err, part)
	}
}

// field is a length-delimited protobuf field.
func field(num protowire.Number, content ...[]byte) []byte {
	return appendBytesField(nil, num, bytes.Join(content, nil))
}

// varintField is a varint protobuf field.
func varintField(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

// floatTensor is a float32 initializer with values 0, 1, 2, ...
func floatTensor(name string, shape ...int) *onnxpb.TensorProto {
	n := 1
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)
	}
	t, err := NewTensor(name, shape, values)
	if err != nil {
		panic(err)
	}
	return t
}

// node is a node with the given inputs and output.
func node(op, output string, inputs ...string) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: proto.String(op), Name: proto.String(op + "_" + output), Input: inputs,
		Output: []string{output}}
}

// value is a float32 value info of unknown rank.
func value(name string) *onnxpb.ValueInfoProto {
	tensor := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(Float32))}
	return &onnxpb.ValueInfoProto{Name: proto.String(name),
		Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tensor}}}
}

// smallModel is x -> MatMul(w) -> Add(b) -> Relu -> y, with a tensor in an
// attribute and a subgraph with a constant of its own.
func smallModel() *onnxpb.ModelProto {
	branch := &onnxpb.GraphProto{Name: proto.String("branch"),
		Initializer: []*onnxpb.TensorProto{floatTensor("inner", 3)},
		Node:        []*onnxpb.NodeProto{node("Add", "branch_out", "h", "inner")},
		Output:      []*onnxpb.ValueInfoProto{value("branch_out")}}
	constant := node("Constant", "c")
	constant.Attribute = []*onnxpb.AttributeProto{{Name: proto.String("value"),
		Type: onnxpb.AttributeProto_TENSOR.Enum(), T: floatTensor("", 3)}}
	choose := node("If", "y", "flag")
	for _, name := range []string{"then_branch", "else_branch"} {
		choose.Attribute = append(choose.Attribute, &onnxpb.AttributeProto{Name: proto.String(name),
			Type: onnxpb.AttributeProto_GRAPH.Enum(), G: proto.CloneOf(branch)})
	}
	flag, _ := NewTensor("flag", nil, []bool{true})
	g := &onnxpb.GraphProto{
		Name:        proto.String("main"),
		Input:       []*onnxpb.ValueInfoProto{value("x")},
		Output:      []*onnxpb.ValueInfoProto{value("y")},
		Initializer: []*onnxpb.TensorProto{floatTensor("w", 2, 3), floatTensor("b", 3), flag},
		Node: []*onnxpb.NodeProto{node("MatMul", "p", "x", "w"), node("Add", "s", "p", "b"), constant,
			node("Mul", "h", "s", "c"), choose},
	}
	return &onnxpb.ModelProto{
		IrVersion: proto.Int64(8), ProducerName: proto.String("test"), Graph: g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		MetadataProps: []*onnxpb.StringStringEntryProto{{Key: proto.String("keep"), Value: proto.String("1")},
			{Key: proto.String("old.a"), Value: proto.String("2")}},
	}
}

// encoded is a message's wire form.
func encoded(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	return must(proto.MarshalOptions{Deterministic: true}.Marshal(m))(tb)
}

// parsed is a message as a Model.
func parsed(tb testing.TB, m *onnxpb.ModelProto) *Model {
	tb.Helper()
	return must(FromProto(m))(tb)
}

// written is what WriteTo writes.
func written(tb testing.TB, m *Model) []byte {
	tb.Helper()
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	if err != nil {
		tb.Fatal(err)
	}
	if n != int64(b.Len()) {
		tb.Fatalf("WriteTo reports %d bytes and wrote %d", n, b.Len())
	}
	return b.Bytes()
}

// initializer finds a tensor of the main graph by name.
func initializer(tb testing.TB, m *Model, name string) *onnxpb.TensorProto {
	tb.Helper()
	for _, t := range m.Proto().GetGraph().GetInitializer() {
		if t.GetName() == name {
			return t
		}
	}
	tb.Fatalf("no initializer %q", name)
	return nil
}

// fixed is a source of given values.
func fixed(values ...float64) Source {
	return func() ([]float64, error) { return values, nil }
}
