package onnx

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// outputs lists what the nodes of a model's graph compute, in their order.
func outputs(m *Model) []string {
	var list []string
	for _, n := range m.Proto().GetGraph().GetNode() {
		list = append(list, n.GetOutput()...)
	}
	return list
}

func TestAddNode(t *testing.T) {
	m := parsed(t, smallModel())
	g := m.Proto().GetGraph()
	scale := node("Mul", "scaled", "p", "factor")
	scale.Attribute = []*onnxpb.AttributeProto{{Name: proto.String("note"),
		Type: onnxpb.AttributeProto_STRING.Enum(), S: []byte("text")}}
	v := must(m.With(
		AddInitializer(g, "factor", Float32, nil, fixed(2)),
		AddNode(g, g.GetNode()[1], scale),
		AddNode(g, g.GetNode()[1], node("Neg", "negative", "scaled")),
		AddNode(g, nil, node("Abs", "size", "y")),
		AddNode(g, g.GetNode()[0], node("Exp", "first", "x")),
		SetInput(g.GetNode()[1], 0, "negative"),
	))(t)
	want := []string{"first", "p", "scaled", "negative", "s", "c", "h", "y", "size"}
	if got := outputs(v); !slices.Equal(got, want) {
		t.Errorf("the view computes %v, want %v", got, want)
	}
	r := reread(t, v)
	if !proto.Equal(r.Proto(), v.Proto()) {
		t.Errorf("the file has\n%v\nthe view\n%v", r.Proto(), v.Proto())
	}
	if err := Validate(r); err != nil {
		t.Error(err)
	}
	if got := outputs(m); len(got) != 5 {
		t.Errorf("the model itself computes %v", got)
	}
	scale.Input[0] = "elsewhere"
	if got := v.Proto().GetGraph().GetNode()[2].GetInput()[0]; got != "p" {
		t.Errorf("a change of the node given changes the view: it reads %q", got)
	}
}

// A view of a view has the nodes of both; each is placed by the nodes of the file.
func TestAddNodeToAView(t *testing.T) {
	m := parsed(t, smallModel())
	g := m.Proto().GetGraph()
	v := must(m.With(AddNode(g, g.GetNode()[2], node("Neg", "one", "s"))))(t)
	changed := v.Proto().GetGraph()
	w := must(v.With(AddNode(changed, changed.GetNode()[3], node("Neg", "two", "one"))))(t)
	if got, want := outputs(w), []string{"p", "s", "one", "two", "c", "h", "y"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := outputs(reread(t, w)); !slices.Equal(got, outputs(w)) {
		t.Errorf("the file computes %v", got)
	}
}

// In a subgraph the lengths of all messages around change.
func TestAddNodeInSubgraph(t *testing.T) {
	m := parsed(t, smallModel())
	branch := m.Proto().GetGraph().GetNode()[4].GetAttribute()[0].GetG()
	long := strings.Repeat("n", 300)
	v := must(m.With(AddNode(branch, branch.GetNode()[0], node("Neg", long, "h")), SetInput(branch.GetNode()[0], 0,
		long)))(t)
	r := reread(t, v)
	inner := r.Proto().GetGraph().GetNode()[4].GetAttribute()[0].GetG().GetNode()
	if len(inner) != 2 || inner[0].GetOutput()[0] != long || inner[1].GetInput()[0] != long {
		t.Errorf("the branch has %v", inner)
	}
	if err := Validate(r); err != nil {
		t.Error(err)
	}
}

// refused fails unless edits are refused with a reason.
func refused(t *testing.T, m *Model, says string, edits ...Edit) {
	t.Helper()
	if _, err := m.With(edits...); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want %q", err, says)
	}
}

func TestAddNodeInOtherPlaces(t *testing.T) {
	m, added := parsed(t, smallModel()), node("Neg", "added", "x")
	g, other := m.Proto().GetGraph(), parsed(t, smallModel()).Proto().GetGraph()
	branch := g.GetNode()[4].GetAttribute()[0].GetG()
	refused(t, m, "is not of this model", AddNode(other, nil, added))
	refused(t, m, "is not of graph", AddNode(g, other.GetNode()[0], added))
	refused(t, m, "is not of graph", AddNode(g, branch.GetNode()[0], added))
	v := must(m.With(AddNode(g, nil, added)))(t)
	refused(t, v, "is not of this model", SetInput(v.Proto().GetGraph().GetNode()[5], 0, "p"))
}

// A name stands for one value of a graph, whoever computes it.
func TestAddNodeWantsNewNames(t *testing.T) {
	m, added := parsed(t, smallModel()), node("Neg", "added", "x")
	g := m.Proto().GetGraph()
	for _, taken := range []string{"p", "x", "w"} { // a node's output, an input, an initializer
		refused(t, m, `output "`+taken+`" is not new`, AddNode(g, nil, node("Neg", taken)))
	}
	refused(t, m, `output "added" is not new`, AddNode(g, nil, added), AddNode(g, nil, added))
	refused(t, m, "the name is not new", AddNode(g, nil, added), AddInitializer(g, "added", Float32, nil, fixed(1)))
	twice := &onnxpb.NodeProto{OpType: proto.String("Split"), Output: []string{"a", "", "", "a"}}
	refused(t, m, `output "a" is not new`, AddNode(g, nil, twice))
	twice.Output = []string{"a", "", ""} // outputs that are left out have no name
	if _, err := m.With(AddNode(g, nil, twice)); err != nil {
		t.Error(err)
	}
}

func TestAddNodeWithoutTensors(t *testing.T) {
	m := parsed(t, smallModel())
	g := m.Proto().GetGraph()
	refused(t, m, "no operator", AddNode(g, nil, &onnxpb.NodeProto{}))
	for _, a := range []*onnxpb.AttributeProto{
		{T: floatTensor("t")},
		{G: &onnxpb.GraphProto{}},
		{SparseTensor: &onnxpb.SparseTensorProto{}},
		{Tensors: []*onnxpb.TensorProto{floatTensor("t")}},
		{Graphs: []*onnxpb.GraphProto{{}}},
		{SparseTensors: []*onnxpb.SparseTensorProto{{}}},
	} {
		n := node("Op", "fresh")
		n.Attribute = []*onnxpb.AttributeProto{a}
		refused(t, m, "holds a tensor or a graph", AddNode(g, nil, n))
	}
}
