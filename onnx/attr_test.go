package onnx_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// attribute makes an attribute of a declared type.
func attribute(name string, t onnxpb.AttributeProto_AttributeType, a *onnxpb.AttributeProto) *onnxpb.AttributeProto {
	a.Name, a.Type = proto.String(name), t.Enum()
	return a
}

// attributes is a node with an attribute of each type.
func attributes() *onnxpb.NodeProto {
	return &onnxpb.NodeProto{Name: proto.String("n"), OpType: proto.String("Op"), Attribute: []*onnxpb.AttributeProto{
		attribute("int", onnxpb.AttributeProto_INT, &onnxpb.AttributeProto{I: proto.Int64(3)}),
		attribute("zero", onnxpb.AttributeProto_INT, &onnxpb.AttributeProto{}),
		attribute("float", onnxpb.AttributeProto_FLOAT, &onnxpb.AttributeProto{F: proto.Float32(0.5)}),
		attribute("string", onnxpb.AttributeProto_STRING, &onnxpb.AttributeProto{S: []byte("s")}),
		attribute("ints", onnxpb.AttributeProto_INTS, &onnxpb.AttributeProto{Ints: []int64{1, 2}}),
		attribute("none", onnxpb.AttributeProto_INTS, &onnxpb.AttributeProto{}),
		attribute("floats", onnxpb.AttributeProto_FLOATS, &onnxpb.AttributeProto{Floats: []float32{1, 2}}),
		attribute("strings", onnxpb.AttributeProto_STRINGS, &onnxpb.AttributeProto{Strings: [][]byte{[]byte("a")}}),
		attribute("tensor", onnxpb.AttributeProto_TENSOR, &onnxpb.AttributeProto{T: named("t")}),
		attribute("tensors", onnxpb.AttributeProto_TENSORS,
			&onnxpb.AttributeProto{Tensors: []*onnxpb.TensorProto{named("a"), named("b")}}),
		attribute("graph", onnxpb.AttributeProto_GRAPH,
			&onnxpb.AttributeProto{G: &onnxpb.GraphProto{Name: proto.String("g")}}),
		attribute("graphs", onnxpb.AttributeProto_GRAPHS, &onnxpb.AttributeProto{
			Graphs: []*onnxpb.GraphProto{{Name: proto.String("h")}, {Name: proto.String("i")}}}),
		attribute("reference", onnxpb.AttributeProto_INT, &onnxpb.AttributeProto{RefAttrName: proto.String("outer")}),
		{Name: proto.String("untyped"), I: proto.Int64(5)}, // as files of IR version 1 have them
	}}
}

func named(name string) *onnxpb.TensorProto { return &onnxpb.TensorProto{Name: proto.String(name)} }

func ExampleAttributes() {
	conv := &onnxpb.NodeProto{Name: proto.String("stem"), OpType: proto.String("Conv"),
		Attribute: []*onnxpb.AttributeProto{
			{Name: proto.String("strides"), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: []int64{2, 2}},
			{Name: proto.String("group"), Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(1)},
		}}
	a := onnx.NodeAttributes(conv)
	fmt.Println(a.Ints("strides", nil), a.String("auto_pad", "NOTSET"), a.Int("group", 1))
	fmt.Println(a.Err())
	// Output:
	// [2 2] NOTSET 1
	// node "stem" (Conv): attribute "group" has the type FLOAT, want INT
}

// Each getter returns the value of an attribute of its type.
func TestAttributes(t *testing.T) {
	a := onnx.NodeAttributes(attributes())
	for _, test := range []struct{ got, want any }{
		{a.Int("int", 9), int64(3)},
		{a.Int("zero", 9), int64(0)},
		{a.Int("untyped", 9), int64(5)},
		{a.Bool("int", false), true},
		{a.Bool("zero", true), false},
		{a.Float("float", 9), float32(0.5)},
		{a.String("string", "d"), "s"},
		{a.Ints("ints", nil), []int64{1, 2}},
		{a.Ints("none", []int64{7}), []int64(nil)},
		{a.Floats("floats", nil), []float32{1, 2}},
		{a.Strings("strings", nil), []string{"a"}},
		{a.Tensor("tensor").GetName(), "t"},
		{len(a.Tensors("tensors")), 2},
		{a.Graph("graph").GetName(), "g"},
		{a.Has("graph"), true},
		{a.Proto("int").GetI(), int64(3)},
	} {
		if got, want := fmt.Sprintf("%#v", test.got), fmt.Sprintf("%#v", test.want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if err := a.Err(); err != nil {
		t.Error(err)
	}
}

// defaults asks every getter for an attribute and lists the answers that are not the default given.
func defaults(a *onnx.Attributes, name string) (others []string) {
	for getter, kept := range map[string]bool{
		"Int":     a.Int(name, 9) == 9,
		"Bool":    a.Bool(name, true) && !a.Bool(name, false),
		"Float":   a.Float(name, 0.25) == 0.25,
		"String":  a.String(name, "d") == "d",
		"Ints":    slices.Equal(a.Ints(name, []int64{9}), []int64{9}),
		"Floats":  slices.Equal(a.Floats(name, []float32{9}), []float32{9}),
		"Strings": slices.Equal(a.Strings(name, []string{"d"}), []string{"d"}),
		"Tensor":  a.Tensor(name) == nil,
		"Tensors": a.Tensors(name) == nil,
		"Graph":   a.Graph(name) == nil,
	} {
		if !kept {
			others = append(others, getter)
		}
	}
	slices.Sort(others)
	return others
}

func TestMissingAttributes(t *testing.T) {
	a := onnx.NodeAttributes(attributes())
	if others := defaults(a, "absent"); others != nil || a.Err() != nil || a.Has("absent") || a.Proto("absent") != nil {
		t.Errorf("%v do not return the default; error %v", others, a.Err())
	}
}

// Only the getters of an attribute's own type read it; the others return the default and leave an error.
func TestAttributesOfOtherTypes(t *testing.T) {
	own := map[string]string{
		"int": "Bool,Int", "float": "Float", "string": "String", "ints": "Ints", "floats": "Floats",
		"strings": "Strings", "tensor": "Tensor", "tensors": "Tensors", "graph": "Graph", "graphs": "", "reference": "",
	}
	for name, want := range own {
		a := onnx.NodeAttributes(attributes())
		if got := strings.Join(defaults(a, name), ","); got != want {
			t.Errorf("%s is read by %q, want %q", name, got, want)
		}
		if err := a.Err(); !errors.Is(err, onnx.ErrInvalid) || !strings.Contains(err.Error(), `attribute "`+name+`" `) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The first fault is the one that is told.
func TestAttributesKeepTheFirstFault(t *testing.T) {
	a := onnx.NodeAttributes(attributes())
	a.Int("reference", 0)
	a.Int("float", 0)
	want := `node "n" (Op): attribute "reference" refers to the function's attribute "outer"`
	if err := a.Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSubgraphs(t *testing.T) {
	var got []string
	for a, g := range onnx.Subgraphs(attributes()) {
		got = append(got, a.GetName()+"="+g.GetName())
	}
	if want := []string{"graph=g", "graphs=h", "graphs=i"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, stopAt := range []string{"g", "h"} { // a loop may end early
		for _, g := range onnx.Subgraphs(attributes()) {
			if g.GetName() == stopAt {
				break
			}
		}
	}
}

func TestOperatorDomains(t *testing.T) {
	for _, test := range []struct{ domain, canonical, label, op string }{
		{"", "", "ai.onnx", "Gelu"},
		{"ai.onnx", "", "ai.onnx", "Gelu"},
		{"com.microsoft", "com.microsoft", "com.microsoft", "com.microsoft.Gelu"},
		{"AI.ONNX", "AI.ONNX", "AI.ONNX", "AI.ONNX.Gelu"}, // domains are case-sensitive (IR.md)
	} {
		n := &onnxpb.NodeProto{OpType: proto.String("Gelu"), Domain: proto.String(test.domain)}
		if got := onnx.Domain(test.domain); got != test.canonical {
			t.Errorf("Domain(%q) = %q, want %q", test.domain, got, test.canonical)
		}
		if got := onnx.DomainLabel(test.domain); got != test.label {
			t.Errorf("DomainLabel(%q) = %q, want %q", test.domain, got, test.label)
		}
		if got := onnx.OpLabel(n); got != test.op {
			t.Errorf("OpLabel in %q = %q, want %q", test.domain, got, test.op)
		}
	}
}

func TestOpsetVersion(t *testing.T) {
	imports := []*onnxpb.OperatorSetIdProto{
		{Domain: proto.String("ai.onnx.ml"), Version: proto.Int64(3)},
		{Domain: proto.String("ai.onnx"), Version: proto.Int64(17)},
	}
	for domain, want := range map[string]int64{"": 17, "ai.onnx": 17, "ai.onnx.ml": 3, "com.microsoft": 0} {
		if got := onnx.OpsetVersion(imports, domain); got != want {
			t.Errorf("%q is imported in version %d, want %d", domain, got, want)
		}
	}
}

// Compared with the definitions of the standard library, on the numbers next to the boundaries.
func TestFinite(t *testing.T) {
	numbers := []float64{0, math.Copysign(0, -1), 1, -1, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.MaxFloat32, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, v := range numbers {
		if got, want := onnx.Finite(v), !math.IsNaN(v) && !math.IsInf(v, 0); got != want {
			t.Errorf("Finite(%v) = %v", v, got)
		}
		f := float32(v)
		if got, want := onnx.Finite(f), !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0); got != want {
			t.Errorf("Finite(float32 %v) = %v", f, got)
		}
		list := []float64{1, 2, v, math.NaN()}
		if got, want := onnx.FirstNonFinite(list), 3; onnx.Finite(v) && got != want || !onnx.Finite(v) && got != 2 {
			t.Errorf("first number of %v that is not finite: %d", list, got)
		}
		if onnx.AllFinite([]float32{0, f}) != onnx.Finite(f) {
			t.Errorf("AllFinite of 0 and %v = %v", f, !onnx.Finite(f))
		}
	}
	if !onnx.AllFinite([]float64{}) || onnx.FirstNonFinite([]float32(nil)) != -1 {
		t.Error("an empty list is not finite")
	}
}
