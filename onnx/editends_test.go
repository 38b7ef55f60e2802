package onnx

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// TestAddInput: an input comes with a default value that is an initializer of its name, and without one.
func TestAddInput(t *testing.T) {
	m := parsed(t, smallModel())
	g := m.Proto().GetGraph()
	v := must(m.With(
		AddInitializer(g, "task", Int64, nil, fixed(3)),
		AddInput(g, value("task")),
		AddInput(g, value("other")),
		AddInitializer(g, "bits", Uint8, []int{2}, fixed(7, 255)),
	))(t)
	r := reread(t, v)
	if !proto.Equal(r.Proto(), v.Proto()) {
		t.Errorf("the file has\n%v\nthe view\n%v", r.Proto(), v.Proto())
	}
	var names []string
	for _, in := range r.Proto().GetGraph().GetInput() {
		names = append(names, in.GetName())
	}
	if want := []string{"task", "other"}; !slices.Equal(names[len(names)-2:], want) {
		t.Errorf("inputs %v, want %v at their end", names, want)
	}
	for name, want := range map[string][]int64{"task": {3}, "bits": {7, 255}} {
		if got := must(r.Tensor(initializer(t, r, name)).Ints(nil))(t); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
		if got := must(v.Tensor(initializer(t, v, name)).Ints(nil))(t); !slices.Equal(got, want) {
			t.Errorf("in the view %s is %v, want %v", name, got, want)
		}
	}
	for what, list := range map[string][]Edit{
		"a name of the file's": {AddInput(g, value("x"))},
		"a node's output":      {AddInput(g, value("p"))},
		"twice":                {AddInput(g, value("task")), AddInput(g, value("task"))},
		"no name":              {AddInput(g, value(""))},
		"a foreign graph":      {AddInput(&onnxpb.GraphProto{}, value("task"))},
		"then an initializer":  {AddInput(g, value("task")), AddInitializer(g, "task", Int64, nil, fixed(3))},
	} {
		if _, err := m.With(list...); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestDropInitializer: the file is what it would be had the tensor never been there, lengths of all around included.
func TestDropInitializer(t *testing.T) {
	m := parsed(t, smallModel())
	w := initializer(t, m, "w")
	v := must(m.With(SetInput(m.Proto().GetGraph().GetNode()[0], 1, "b"),
		SetValues(w, fixed(make([]float64, m.Tensor(w).Len())...)), DropInitializer(w)))(t)
	want := smallModel()
	want.Graph.Node[0].Input[1] = "b"
	want.Graph.Initializer = slices.DeleteFunc(want.Graph.Initializer, func(t *onnxpb.TensorProto) bool {
		return t.GetName() == "w"
	})
	bare := parsed(t, want)
	if r := reread(t, v); !proto.Equal(r.Proto(), bare.Proto()) || !proto.Equal(v.Proto(), bare.Proto()) {
		t.Errorf("the file has\n%v\nwant\n%v", r.Proto(), bare.Proto())
	}
	if got, want := len(written(t, v)), len(written(t, bare)); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	again := must(v.With(SetMetadata("k", "v")))(t)
	if got := reread(t, again); len(got.Proto().GetGraph().GetInitializer()) != len(want.Graph.Initializer) {
		t.Error("a view of the view has the tensor again")
	}
	if _, err := m.With(DropInitializer(&onnxpb.TensorProto{})); err == nil {
		t.Error("a foreign tensor is dropped")
	}
}

// TestSetValueInfo: what a graph says of an output or of a value between is replaced where it stands.
func TestSetValueInfo(t *testing.T) {
	p := smallModel()
	p.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value("p"), value("s")}
	m := parsed(t, p)
	longer := func(name string) *onnxpb.ValueInfoProto {
		v := value(name)
		v.DocString = proto.String("of another size")
		return v
	}
	g := m.Proto().GetGraph()
	v := must(m.With(SetValueInfo(g, longer("y")), SetValueInfo(g, value("s")), SetValueInfo(g, longer("s")),
		SetValueInfo(g, longer("nothing")), AddInput(g, value("more"))))(t)
	r := reread(t, v)
	if !proto.Equal(r.Proto(), v.Proto()) {
		t.Errorf("the file has\n%v\nthe view\n%v", r.Proto(), v.Proto())
	}
	want := proto.CloneOf(p.Graph)
	want.Output[0], want.ValueInfo[1] = longer("y"), longer("s")
	want.Input = append(want.Input, value("more"))
	if got := r.Proto().GetGraph(); !proto.Equal(got.Output[0], want.Output[0]) || len(got.Output) != 1 ||
		len(got.ValueInfo) != 2 || !proto.Equal(got.ValueInfo[0], want.ValueInfo[0]) ||
		!proto.Equal(got.ValueInfo[1], want.ValueInfo[1]) || len(got.Input) != len(want.Input) {
		t.Errorf("the graph has\n%v\nwant\n%v", got, want)
	}
}
