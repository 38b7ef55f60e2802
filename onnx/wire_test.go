package onnx

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// nestedGraphs is a model of graphs inside each other, depth messages deep.
func nestedGraphs(depth int) []byte {
	b := field(2, []byte("g"))
	for range (depth - 2) / 3 {
		b = field(1, field(5, field(6, b))) // node, attribute, graph
	}
	return field(7, b)
}

func TestMalformedFiles(t *testing.T) {
	graph := field(7, field(2, []byte("g")))
	tests := []struct {
		name string
		data []byte
		part string
	}{
		{"empty", nil, "no graph"},
		{"no graph", varintField(1, 8), "no graph"},
		{"field number 0", []byte{0x00, 0x01}, "byte 0"},
		{"tag cut off", append(slices.Clone(graph), 0x80), "byte 5: ModelProto: bad field tag"},
		{"length beyond the end", []byte{0x3a, 0x05, 0x0a}, "byte 0"},
		{"length of 2^63", append([]byte{0x3a}, protowire.AppendVarint(nil, 1<<63)...), "byte 0"},
		{"varint of 11 bytes", append([]byte{0x08}, bytes.Repeat([]byte{0xff}, 11)...), "byte 0"},
		{"wrong wire type", append(slices.Clone(graph), field(1, []byte("x"))...),
			"byte 5: ModelProto.ir_version has wire type 2, want 0"},
		{"inner length beyond the outer", field(7, []byte{0x0a, 0x05, 0x00}), "byte 2: GraphProto"},
		{"graph twice", append(slices.Clone(graph), graph...), "byte 5: ModelProto.graph is given twice"},
		{"end of a group that never began", append(slices.Clone(graph), 0x7c), "byte 5"},
		{"group without end", append(slices.Clone(graph), 0xfb, 0x07), "byte 5"},
		{"too deep", nestedGraphs(101), "nested"},
		{"packed numbers cut off", field(7, field(1, field(5, field(8, []byte{0x80})))), "cannot be decoded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.data, "")
			wantInvalid(t, err, test.part)
		})
	}
}

func TestDeepestAllowed(t *testing.T) {
	if _, err := Parse(nestedGraphs(98), ""); err != nil {
		t.Fatal(err)
	}
}

// A short file that asks for millions of messages is refused before they are
// made.
func TestTooManyMessages(t *testing.T) {
	data := append(field(7), bytes.Repeat([]byte{0x72, 0x00}, maxMessages+1)...) // metadata
	_, err := Parse(data, "")
	wantInvalid(t, err, "more than")
}

// What the walk leaves out of the decoded message stays in the file: payloads,
// unknown fields, groups, lengths and numbers in more bytes than they need.
func TestOddEncodingsSurvive(t *testing.T) {
	tensor := slices.Concat(varintField(1, 1), varintField(2, 1), field(8, []byte("w")), field(9, []byte{1, 2, 3, 4}),
		field(200, []byte("unknown")))
	padded := append([]byte{0x2a, byte(len(tensor)) | 0x80, 0x80, 0x00}, tensor...) // length in three bytes
	group := []byte{0xfb, 0x07, 0x08, 0x01, 0xfc, 0x07}                             // field 127 as a group
	data := slices.Concat(field(7, padded, group), []byte{0x08, 0x88, 0x00}, field(99, []byte("x")),
		[]byte{0x88, 0x00, 0x08})
	m := must(Parse(data, ""))(t)
	w := initializer(t, m, "w")
	if len(w.GetRawData()) != 0 || len(w.ProtoReflect().GetUnknown()) != 0 {
		t.Error("the decoded message holds the payload or unknown fields")
	}
	if got := must(m.Tensor(w).Raw())(t); !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("got payload %v", got)
	}
	if m.Proto().GetIrVersion() != 8 {
		t.Errorf("got IR version %d", m.Proto().GetIrVersion())
	}
	if !bytes.Equal(written(t, m), data) {
		t.Error("the file is written back differently")
	}
	v := must(m.With(SetValues(w, fixed(0.5))))(t)
	want := bytes.Replace(data, []byte{1, 2, 3, 4}, appendValues(nil, Float32, []float64{0.5}), 1)
	if !bytes.Equal(written(t, v), want) {
		t.Error("new values change more than the old ones' bytes")
	}
}

// A name that is not UTF-8 is kept, as old exporters wrote such.
func TestNamesNeedNotBeText(t *testing.T) {
	data := field(7, field(1, field(4, []byte("Relu")), field(3, []byte{0xff, 0xfe})))
	m := must(Parse(data, ""))(t)
	if got := m.Proto().GetGraph().GetNode()[0].GetName(); got != "\xff\xfe" {
		t.Errorf("got name %q", got)
	}
}

// The rules of the walk come from the schema: every message field of every
// message is descended into.
func TestRulesFollowTheSchema(t *testing.T) {
	model := rules()
	graph := model.field(fieldModelGraph).message
	tensor := graph.field(fieldGraphInitializer).message
	for num, name := range map[protowire.Number]string{fieldFloatData: "float_data", fieldInt32Data: "int32_data",
		fieldStringData: "string_data",
		fieldInt64Data:  "int64_data", fieldRawData: "raw_data", fieldDoubleData: "double_data",
		fieldUint64Data: "uint64_data"} {
		if f := tensor.field(num); f == nil || f.name != name || !f.payload {
			t.Errorf("field %d: got %+v, want payload %s", num, f, name)
		}
	}
	if f := tensor.field(fieldExternalData); f.name != "external_data" || f.payload {
		t.Errorf("field 13 is %+v", f)
	}
	if f := graph.field(fieldGraphInput); f.name != "input" {
		t.Errorf("field 11 of a graph is %s", f.name)
	}
	if model.field(1<<20) != nil {
		t.Error("an unknown field has a rule")
	}
}

// Elements stand for the messages at their places.
func TestElementsMatchMessages(t *testing.T) {
	m := parsed(t, smallModel())
	for i, el := range m.base.elements {
		content := m.base.file.data[el.body:el.end]
		from := m.base.messages[i].ProtoReflect().New().Interface()
		if err := proto.Unmarshal(content, from); err != nil {
			t.Fatalf("element %d: %v", i, err)
		}
		if stripped(from); !proto.Equal(from, m.base.messages[i]) {
			t.Fatalf("element %d: at its place is %v, want %v", i, from, m.base.messages[i])
		}
	}
	if n := len(m.base.payloads); n != 6 {
		t.Errorf("%d tensors found, want 6", n)
	}
}

// stripped empties the payloads in a message.
func stripped(m proto.Message) {
	switch m := m.(type) {
	case *onnxpb.TensorProto:
		m.RawData = nil
	case *onnxpb.ModelProto:
		stripped(m.Graph)
	case *onnxpb.GraphProto:
		for _, t := range m.Initializer {
			stripped(t)
		}
		for _, n := range m.Node {
			stripped(n)
		}
	case *onnxpb.NodeProto:
		for _, a := range m.Attribute {
			stripped(a)
		}
	case *onnxpb.AttributeProto:
		if m.T != nil {
			stripped(m.T)
		}
		if m.G != nil {
			stripped(m.G)
		}
	}
}
