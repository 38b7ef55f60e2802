package network

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// graphOf starts a graph with float inputs; "x" of shape [2 3] unless Lower is told otherwise.
func graphOf(inputs ...string) *onnxpb.GraphProto {
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	for _, name := range inputs {
		tt := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32))}
		g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: proto.String(name),
			Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tt}}})
	}
	return g
}

// addNode adds a node; in and out are names set apart by spaces, "-" for none.
func addNode(g *onnxpb.GraphProto, op, in, out string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	n := newNode(op, in, out, attrs...)
	g.Node = append(g.Node, n)
	return n
}

func newNode(op, in, out string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	names := func(s string) []string {
		list := strings.Fields(s)
		for i := range list {
			if list[i] == "-" {
				list[i] = ""
			}
		}
		return list
	}
	return &onnxpb.NodeProto{OpType: proto.String(op), Input: names(in), Output: names(out), Attribute: attrs}
}

// addFloats adds an initializer.
func addFloats(t *testing.T, g *onnxpb.GraphProto, name string, shape []int, v ...float32) {
	t.Helper()
	p, err := onnx.NewTensor(name, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	g.Initializer = append(g.Initializer, p)
}

// modelOf makes a model of opset 18 whose outputs are the names given.
func modelOf(t *testing.T, g *onnxpb.GraphProto, functions []*onnxpb.FunctionProto, outputs ...string) *onnx.Model {
	t.Helper()
	for _, name := range outputs {
		g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: proto.String(name)})
	}
	m, err := onnx.FromProto(&onnxpb.ModelProto{
		IrVersion: proto.Int64(8), Graph: g, Functions: functions,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(18)},
			{Domain: proto.String("local"), Version: proto.Int64(1)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ramp is 1, 2, 3, ... of a shape.
func ramp(shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	for i := range t.F {
		t.F[i] = float32(i + 1)
	}
	return t
}

// runOnce lowers a model for the inputs and runs it.
func runOnce(m *onnx.Model, inputs map[string]*op.Tensor) ([]*op.Tensor, error) {
	shapes := map[string][]int{}
	for name, x := range inputs {
		shapes[name] = x.Shape
	}
	g, err := Lower(m, Config{Shapes: shapes})
	if err != nil {
		return nil, err
	}
	return NewRunner(g, nil).Run(inputs, nil)
}

// wantRun compares the first output for x = 1 ... 6 in shape [2 3].
func wantRun(t *testing.T, m *onnx.Model, want ...float32) {
	t.Helper()
	outs, err := runOnce(m, map[string]*op.Tensor{"x": ramp(2, 3)})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(outs[0].F, want) {
		t.Errorf("got %v, want %v", outs[0].F, want)
	}
}

// TestUnsortedNodes lowers nodes that stand before what they read, as some
// exporters write them and ONNX Runtime accepts them, in subgraphs too.
func TestUnsortedNodes(t *testing.T) {
	g := graphOf("x")
	addNode(g, "Add", "twice x", "thrice")
	addNode(g, "Add", "x x", "twice")
	wantRun(t, modelOf(t, g, nil, "thrice"), 3, 6, 9, 12, 15, 18)
}

// TestCycleIsRefused does not run in circles.
func TestCycleIsRefused(t *testing.T) {
	g := graphOf("x")
	addNode(g, "Add", "x b", "a")
	addNode(g, "Add", "a x", "b")
	_, err := runOnce(modelOf(t, g, nil, "b"), map[string]*op.Tensor{"x": ramp(2, 3)})
	if !errors.Is(err, onnx.ErrInvalid) || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("got %v", err)
	}
}

// TestDeadNodesMayBeAnything drops what no output depends on, unknown operators too.
func TestDeadNodesMayBeAnything(t *testing.T) {
	g := graphOf("x")
	addNode(g, "NoSuchOperator", "x", "strange")
	addNode(g, "Relu", "strange", "stranger")
	addNode(g, "Neg", "x", "y")
	m := modelOf(t, g, nil, "y", "stranger")
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Outputs: []string{"y"}})
	if err != nil || len(lowered.lowered.Nodes) != 1 {
		t.Errorf("got %v with %d nodes", err, len(lowered.lowered.Nodes))
	}
	if _, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}}); !errors.Is(err, op.ErrUnsupported) {
		t.Errorf("with the output wanted: %v", err)
	}
}

// TestSameInputTwice keeps both edges of Mul(x, x), which onnx-go alone would merge.
func TestSameInputTwice(t *testing.T) {
	g := graphOf("x")
	addNode(g, "Mul", "x x", "y")
	wantRun(t, modelOf(t, g, nil, "y"), 1, 4, 9, 16, 25, 36)
}

// TestOptionalInputs reads an empty name as an absent input.
func TestOptionalInputs(t *testing.T) {
	g := graphOf("x")
	addFloats(t, g, "top", nil, 4)
	addNode(g, "Clip", "x - top", "y")
	wantRun(t, modelOf(t, g, nil, "y"), 1, 2, 3, 4, 4, 4)
}

// TestInitializersAsInputs reads files of IR version 3, where every initializer is an input too.
func TestInitializersAsInputs(t *testing.T) {
	g := graphOf("x", "b")
	addFloats(t, g, "b", []int{3}, 10, 20, 30)
	addNode(g, "Add", "x b", "y")
	m := modelOf(t, g, nil, "y")
	wantRun(t, m, 11, 22, 33, 14, 25, 36)
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}})
	if err != nil || !slices.Equal(lowered.InputNames(), []string{"x"}) {
		t.Errorf("inputs %v: %v", lowered.InputNames(), err)
	}
}

// TestEmptyAndScalar runs tensors without elements and without axes.
func TestEmptyAndScalar(t *testing.T) {
	g := graphOf("x")
	addNode(g, "Concat", "x x", "both", optest.IntAttr("axis", 0))
	addNode(g, "ReduceSum", "both", "sum", optest.IntAttr("keepdims", 0))
	m := modelOf(t, g, nil, "both", "sum")
	for _, c := range []struct {
		x    *op.Tensor
		both int
		sum  float32
	}{{ramp(0, 3), 0, 0}, {ramp(2, 3), 12, 42}} {
		outs, err := runOnce(m, map[string]*op.Tensor{"x": c.x})
		if err != nil {
			t.Fatal(err)
		}
		if outs[0].Len() != c.both || len(outs[1].Shape) != 0 || outs[1].F[0] != c.sum {
			t.Errorf("%v: got %v and %v", c.x.Shape, outs[0].Shape, outs[1])
		}
	}
}

// linearFunction is a model-local function scale*x + shift, shift optional, with
// scale referred to as an attribute whose default is 2.
func linearFunction() *onnxpb.FunctionProto {
	scale := &onnxpb.AttributeProto{Name: proto.String("value_float"), Type: onnxpb.AttributeProto_FLOAT.Enum(),
		RefAttrName: proto.String("scale")}
	return &onnxpb.FunctionProto{
		Name: proto.String("Linear"), Domain: proto.String("local"), Input: []string{"a", "shift"},
		Output:         []string{"r"},
		AttributeProto: []*onnxpb.AttributeProto{optest.FloatAttr("scale", 2)},
		OpsetImport:    []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(18)}},
		Node: []*onnxpb.NodeProto{
			newNode("Constant", "", "s", scale),
			newNode("Mul", "a s", "x"), // x is the caller's name of something else
			newNode("Sum", "x", "r"),
		},
	}
}

func localNode(g *onnxpb.GraphProto, op, in, out string, attrs ...*onnxpb.AttributeProto) {
	addNode(g, op, in, out, attrs...).Domain = proto.String("local")
}

// TestFunctions inlines functions: attributes by reference, defaults, and names of their own.
func TestFunctions(t *testing.T) {
	g := graphOf("x")
	localNode(g, "Linear", "x", "double")
	localNode(g, "Linear", "double", "tenfold", optest.FloatAttr("scale", 5))
	addNode(g, "Sub", "tenfold x", "y")
	wantRun(t, modelOf(t, g, []*onnxpb.FunctionProto{linearFunction()}, "y"), 9, 18, 27, 36, 45, 54)
}

// TestIfInlinesTheDecidedBranch lowers only the branch that is taken, which may read the names around it and hide them.
func TestIfInlinesTheDecidedBranch(t *testing.T) {
	for _, c := range []struct {
		cond bool
		want []float32
	}{{true, []float32{-1, -2, -3, -4, -5, -6}}, {false, []float32{2, 4, 6, 8, 10, 12}}} {
		g := graphOf("x")
		p, err := onnx.NewTensor("cond", nil, []bool{c.cond})
		if err != nil {
			t.Fatal(err)
		}
		g.Initializer = append(g.Initializer, p)
		branch := func(op, in string) *onnxpb.GraphProto {
			b := graphOf()
			addNode(b, op, in, "local")
			b.Output = []*onnxpb.ValueInfoProto{{Name: proto.String("local")}}
			return b
		}
		graphAttr := func(name string, b *onnxpb.GraphProto) *onnxpb.AttributeProto {
			return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_GRAPH.Enum(), G: b}
		}
		addNode(g, "If", "cond", "y", graphAttr("then_branch", branch("Neg", "x")),
			graphAttr("else_branch", branch("Add", "x x")))
		wantRun(t, modelOf(t, g, nil, "y"), c.want...)
	}
}

// TestExpansionIsBounded refuses a file of a few hundred bytes whose functions
// call each other to 2^40 nodes, and one that calls itself.
func TestExpansionIsBounded(t *testing.T) {
	function := func(name, calls string) *onnxpb.FunctionProto {
		a, b := newNode(calls, "a", "m"), newNode(calls, "m", "r")
		if calls != "Neg" {
			a.Domain, b.Domain = proto.String("local"), proto.String("local")
		}
		return &onnxpb.FunctionProto{Name: proto.String(name), Domain: proto.String("local"), Input: []string{"a"},
			Output: []string{"r"}, Node: []*onnxpb.NodeProto{a, b},
			OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(18)},
				{Domain: proto.String("local"), Version: proto.Int64(1)}}}
	}
	doubling := []*onnxpb.FunctionProto{function("F0", "Neg")}
	for i := range 40 {
		doubling = append(doubling, function(fmt.Sprint("F", i+1), fmt.Sprint("F", i)))
	}
	for name, functions := range map[string][]*onnxpb.FunctionProto{
		"F40": doubling, "Self": {function("Self", "Self")},
	} {
		g := graphOf("x")
		localNode(g, name, "x", "y")
		m := modelOf(t, g, functions, "y")
		if _, err := Lower(m,
			Config{Shapes: map[string][]int{"x": {2}}, MaxNodes: 10000}); !errors.Is(err, onnx.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestMaxBytesIsKept refuses a tensor above the bound before it is made.
func TestMaxBytesIsKept(t *testing.T) {
	g := graphOf("x")
	p, err := onnx.NewTensor("shape", []int{3}, []int64{1 << 20, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	g.Initializer = append(g.Initializer, p)
	addNode(g, "Expand", "x shape", "y")
	_, err = Lower(modelOf(t, g, nil, "y"), Config{Shapes: map[string][]int{"x": {2, 3}}, MaxBytes: 1 << 20})
	if !errors.Is(err, op.ErrShape) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("got %v", err)
	}
}

// TestInputsMustFit checks names and shapes of what Run is given.
func TestInputsMustFit(t *testing.T) {
	g := graphOf("x")
	addNode(g, "Neg", "x", "y")
	lowered, err := Lower(modelOf(t, g, nil, "y"), Config{Shapes: map[string][]int{"x": {2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	r := NewRunner(lowered, nil)
	for name, inputs := range map[string]map[string]*op.Tensor{
		"missing": {}, "shape": {"x": ramp(3, 2)},
		"type": {"x": {Type: onnx.Int64, Shape: []int{2, 3}, I: make([]int64, 6)}},
	} {
		if _, err := r.Run(inputs, nil); !errors.Is(err, op.ErrShape) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
