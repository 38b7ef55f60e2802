package onnx

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

func attributes() *onnxpb.NodeProto {
	a := func(name string, t onnxpb.AttributeProto_AttributeType, a *onnxpb.AttributeProto) *onnxpb.AttributeProto {
		a.Name, a.Type = proto.String(name), t.Enum()
		return a
	}
	return &onnxpb.NodeProto{Name: proto.String("n"), OpType: proto.String("Op"), Attribute: []*onnxpb.AttributeProto{
		a("int", onnxpb.AttributeProto_INT, &onnxpb.AttributeProto{I: proto.Int64(3)}),
		a("zero", onnxpb.AttributeProto_INT, &onnxpb.AttributeProto{}),
		a("float", onnxpb.AttributeProto_FLOAT, &onnxpb.AttributeProto{F: proto.Float32(0.5)}),
		a("string", onnxpb.AttributeProto_STRING, &onnxpb.AttributeProto{S: []byte("s")}),
		a("ints", onnxpb.AttributeProto_INTS, &onnxpb.AttributeProto{Ints: []int64{1, 2}}),
		a("floats", onnxpb.AttributeProto_FLOATS, &onnxpb.AttributeProto{Floats: []float32{1, 2}}),
		a("strings", onnxpb.AttributeProto_STRINGS, &onnxpb.AttributeProto{Strings: [][]byte{[]byte("a")}}),
		a("tensor", onnxpb.AttributeProto_TENSOR, &onnxpb.AttributeProto{T: floatTensor("", 1)}),
		a("graph", onnxpb.AttributeProto_GRAPH, &onnxpb.AttributeProto{G: &onnxpb.GraphProto{Name: proto.String("g")}}),
		a("reference", onnxpb.AttributeProto_INT, &onnxpb.AttributeProto{RefAttrName: proto.String("outer")}),
		{Name: proto.String("untyped"), I: proto.Int64(5)},
	}}
}

func TestAttributes(t *testing.T) {
	n := attributes()
	at := func(name string) Attr { return NodeAttr(n, name) }
	if got := must(at("int").Int(9))(t); got != 3 {
		t.Errorf("int is %d", got)
	}
	if got := must(at("zero").Int(9))(t); got != 0 {
		t.Errorf("zero is %d", got)
	}
	if got := must(at("untyped").Int(9))(t); got != 5 {
		t.Errorf("untyped is %d", got)
	}
	if got := must(at("int").Bool(false))(t); !got {
		t.Error("3 is false")
	}
	if got := must(at("float").Float(9))(t); got != 0.5 {
		t.Errorf("float is %v", got)
	}
	if got := must(at("string").String("d"))(t); got != "s" {
		t.Errorf("string is %q", got)
	}
	if got := must(at("ints").Ints(nil))(t); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("ints are %v", got)
	}
	if got := must(at("floats").Floats(nil))(t); !slices.Equal(got, []float32{1, 2}) {
		t.Errorf("floats are %v", got)
	}
	if got := must(at("strings").Strings(nil))(t); !slices.Equal(got, []string{"a"}) {
		t.Errorf("strings are %v", got)
	}
	if got := must(at("tensor").Tensor())(t); got != n.Attribute[7].T {
		t.Errorf("tensor is %v", got)
	}
	if got := must(at("graph").Graph())(t); got.GetName() != "g" {
		t.Errorf("graph is %v", got)
	}
}

func TestMissingAttributes(t *testing.T) {
	a := NodeAttr(attributes(), "absent")
	if a.Present() || a.Proto() != nil {
		t.Error("a missing attribute is present")
	}
	i, f, s, b := must(a.Int(9))(t), must(a.Float(0.5))(t), must(a.String("d"))(t), must(a.Bool(true))(t)
	if i != 9 || f != 0.5 || s != "d" || !b {
		t.Errorf("got %v, %v, %v, %v", i, f, s, b)
	}
	is, fs, ss := must(a.Ints([]int64{1}))(t), must(a.Floats([]float32{2}))(t), must(a.Strings([]string{"x"}))(t)
	if len(is) != 1 || len(fs) != 1 || len(ss) != 1 || must(a.Tensor())(t) != nil || must(a.Graph())(t) != nil {
		t.Errorf("got %v, %v, %v", is, fs, ss)
	}
}

// Every getter refuses an attribute of another type, and one that only the
// function's caller knows.
func TestAttributesOfOtherTypes(t *testing.T) {
	n := attributes()
	for _, name := range []string{"int", "string", "reference"} {
		a := NodeAttr(n, name)
		_, f := a.Float(0)
		_, is := a.Ints(nil)
		_, fs := a.Floats(nil)
		_, ss := a.Strings(nil)
		_, x := a.Tensor()
		_, g := a.Graph()
		for _, err := range []error{f, is, fs, ss, x, g} {
			wantInvalid(t, err, `attribute "`+name+`"`)
		}
	}
	_, err := NodeAttr(n, "float").Int(0)
	wantInvalid(t, err, "has the type FLOAT, want INT")
	_, err = NodeAttr(n, "reference").Int(0)
	wantInvalid(t, err, `refers to the function's attribute "outer"`)
	_, err = NodeAttr(n, "int").String("")
	wantInvalid(t, err, "want STRING")
	_, err = NodeAttr(n, "float").Bool(false)
	wantInvalid(t, err, "want INT")
}
