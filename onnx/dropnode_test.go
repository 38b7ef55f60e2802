package onnx

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// TestDropNode: a node makes room for others that give its outputs, inputs that were changed before it and all.
func TestDropNode(t *testing.T) {
	m := parsed(t, smallModel())
	g := m.Proto().GetGraph()
	old := g.GetNode()[1]
	out := old.GetOutput()[0]
	v := must(m.With(
		SetInput(old, 0, "x"),
		DropNode(old),
		AddNode(g, old, node("Neg", "before", "p")),
		AddNode(g, old, node("Abs", out, "before")),
	))(t)
	if got, want := outputs(v), []string{"p", "before", out, "c", "h", "y"}; !slices.Equal(got, want) {
		t.Errorf("the view computes %v, want %v", got, want)
	}
	r := reread(t, v)
	if !proto.Equal(r.Proto(), v.Proto()) {
		t.Errorf("the file has\n%v\nthe view\n%v", r.Proto(), v.Proto())
	}
	if err := Validate(r); err != nil {
		t.Error(err)
	}
	want := smallModel()
	want.Graph.Node = slices.Delete(want.Graph.Node, 1, 2)
	bare := must(m.With(DropNode(old)))(t)
	without := must(Parse(encoded(t, want), ""))(t) // not a good one: something reads its output
	if got := must(Parse(written(t, bare), ""))(t); !proto.Equal(got.Proto(), without.Proto()) {
		t.Error("the file is not what it would be had the node never been there")
	}
	refused(t, bare, "is not of this model", DropNode(old))
	refused(t, bare, "is not of this model", SetInput(old, 0, "x"))
	refused(t, m, "is not of this model", DropNode(node("Neg", "elsewhere")))
	refused(t, m, "holds a tensor or a graph", DropNode(g.GetNode()[4]))
	refused(t, m, "is not new", DropNode(old), AddNode(g, old, node("Abs", "p")))
}

// A function is no graph: its nodes are what other files may rely on.
func TestDropNodeOfAFunction(t *testing.T) {
	p := smallModel()
	withFunctions(function("F"))(p)
	m := parsed(t, p)
	var inside *onnxpb.NodeProto
	for _, f := range m.Proto().GetFunctions() {
		inside = f.GetNode()[0]
	}
	refused(t, m, "is not of a graph", DropNode(inside))
}
