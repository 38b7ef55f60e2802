package flow_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// calling is a model that convolves by a local function, whose number of groups is an attribute of the call, or the
// function's default where the call gives none.
func calling(t testing.TB, call ...any) *onnx.Model {
	d := graphtest.New(t, 1)
	conv := &onnxpb.NodeProto{OpType: proto.String("Conv"), Name: proto.String("conv"), Input: []string{"in", "w"},
		Output: []string{"y"}}
	conv.Attribute = []*onnxpb.AttributeProto{{
		Name: proto.String("group"), Type: onnxpb.AttributeProto_INT.Enum(), RefAttrName: proto.String("parts"),
	}}
	d.Model.Functions = []*onnxpb.FunctionProto{{
		Name: proto.String("Parts"), Domain: proto.String("local"), OpsetImport: d.Model.OpsetImport,
		Input: []string{"in", "w"}, Output: []string{"y"}, Node: []*onnxpb.NodeProto{conv},
		AttributeProto: []*onnxpb.AttributeProto{graphtest.Attr("parts", 2)},
	}}
	d.Model.OpsetImport = append(d.Model.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("local"),
		Version: proto.Int64(1)})
	d.Output(d.Node("call", "Parts", []string{d.Shaped("x", 1, 4, 2, 2), d.Weight("w", 4, 1, 1, 1)}, call...))
	d.Model.Graph.Node[0].Domain = proto.String("local")
	return d.Load()
}

// Attributes that refer to the function's have the call's values, or the function's defaults.
func TestAttributesOfCalls(t *testing.T) {
	for _, test := range []struct {
		call []any
		want int64
	}{{[]any{"parts", 4}, 4}, {nil, 2}, {[]any{"others", 7}, 2}} {
		v := read(t, calling(t, test.call...))
		u := v.Units[0]
		if got := u.Anchor.Attributes().Int("group", 1); got != test.want {
			t.Errorf("call with %v: %d groups, want %d", test.call, got, test.want)
		}
		// The tensor enters at the call, which is where an edit can give it another.
		if site := u.Params[0].At[0].Site(u.Params[0].C); site.Node.GetName() != "call" || site.Input != 1 {
			t.Errorf("the weight enters at input %d of %q", site.Input, site.Node.GetName())
		}
	}
}

// Bodies see the names around them, functions do not; what nothing makes is an error that names it.
func TestNamesInBodies(t *testing.T) {
	branch := func(reads string) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{
			Name:   proto.String("body"),
			Node:   []*onnxpb.NodeProto{{OpType: proto.String("Relu"), Input: []string{reads}, Output: []string{"r"}}},
			Output: []*onnxpb.ValueInfoProto{graphtest.FloatInfo("r")},
		}
	}
	build := func(reads string) *onnx.Model {
		d := graphtest.New(t, 1)
		d.Linear("fc", d.Shaped("x", 2, 3), 3, 4)
		d.Output(d.Node("choice", "If", []string{d.Input("which")}, "then_branch", branch("fc/Add_out"), "else_branch",
			branch(reads)))
		return d.Load()
	}
	if got := describe(read(t, build("fc/Add_out"))); got != "MatMul weight[3 4] bias[4]" {
		t.Errorf("got %s", got)
	}
	_, err := flow.Read(build("nobody"))
	if !errors.Is(err, onnx.ErrInvalid) || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("got %v", err)
	}
}

// A node inside a function that reads a name of the main graph is wrong.
func TestFunctionsSeeNothingAround(t *testing.T) {
	d := graphtest.New(t, 1)
	d.Model.Functions = []*onnxpb.FunctionProto{{
		Name: proto.String("F"), Domain: proto.String("local"), OpsetImport: d.Model.OpsetImport, Output: []string{"y"},
		Node: []*onnxpb.NodeProto{{OpType: proto.String("Relu"), Input: []string{"x"}, Output: []string{"y"}}},
	}}
	d.Shaped("x", 2, 3)
	d.Output(d.Node("call", "F", nil))
	d.Model.Graph.Node[0].Domain = proto.String("local")
	if _, err := flow.Read(d.Load()); !errors.Is(err, onnx.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// Names are all names of the graph and of bodies within bodies.
func TestNames(t *testing.T) {
	inner := &onnxpb.GraphProto{Name: proto.String("inner"), Node: []*onnxpb.NodeProto{
		{OpType: proto.String("Relu"), Input: []string{"x"}, Output: []string{"deep"}}}}
	outer := &onnxpb.GraphProto{Name: proto.String("outer"), Node: []*onnxpb.NodeProto{{OpType: proto.String("If"),
		Input: []string{"which"}, Output: []string{"mid"},
		Attribute: []*onnxpb.AttributeProto{graphtest.Attr("then_branch", inner)}}}}
	d := graphtest.New(t, 1)
	d.Node("top", "If", []string{d.Input("x")}, "then_branch", outer)
	d.Weight("w", 2)
	names := flow.Names(d.Load())
	for _, want := range []string{"x", "w", "top_out", "mid", "which", "deep"} {
		if !names[want] {
			t.Errorf("%q is not among %v", want, names)
		}
	}
}

// Units come in an order that depends neither on names nor on the order of the file.
func TestCanonicalOrder(t *testing.T) {
	build := func(order []int, prefix string) *onnx.Model {
		d := graphtest.New(t, 1)
		x := d.Shaped("x", 2, 3)
		var sums []string
		for i, width := range []int{5, 6, 7} {
			h := d.Linear(prefix+string(rune('a'+i)), x, 3, width)
			sums = append(sums, d.Linear(prefix+"out"+string(rune('a'+i)), h, width, 4))
		}
		for _, s := range sums {
			d.Output(s)
		}
		nodes := slices.Clone(d.Model.Graph.Node)
		for i, k := range order {
			d.Model.Graph.Node[i] = nodes[k]
		}
		slices.Reverse(d.Model.Graph.Initializer)
		return d.Load()
	}
	plain := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	want := describe(read(t, build(plain, "")))
	for _, order := range [][]int{
		{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, {4, 5, 8, 9, 0, 1, 6, 7, 10, 11, 2, 3},
	} {
		if got := describe(read(t, build(order, "z"))); got != want {
			t.Errorf("order %v gives %s, want %s", order, got, want)
		}
	}
}

// A graph of many outputs is read once, however many there are.
func TestManyOutputs(t *testing.T) {
	d := graphtest.New(t, 1)
	x := d.Shaped("x", 1, 2)
	w := d.Weight("w", 2, 2)
	for i := range 3000 {
		x = d.Node("n"+string(rune('a'+i%26))+strings.Repeat("i", i/26), "MatMul", []string{x, w})
		d.Output(x)
	}
	v := read(t, d.Load())
	if got := len(v.Canonical.Nodes); got != 6001 {
		t.Errorf("%d nodes, want 3000 layers, 3000 outputs and the input", got)
	}
	seen := map[*flow.CanonicalNode]bool{}
	for _, n := range v.Canonical.Nodes {
		for _, e := range n.In {
			if !seen[e.Node] {
				t.Fatal("a node comes before one that it reads")
			}
		}
		if seen[n] {
			t.Fatal("a node comes twice")
		}
		seen[n] = true
	}
}
