package network

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// subgraph is an attribute that holds a body with typed inputs and outputs.
func subgraph(name string, g *onnxpb.GraphProto, outputs ...*onnxpb.ValueInfoProto) *onnxpb.AttributeProto {
	g.Output = outputs
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_GRAPH.Enum(), G: g}
}

func bodyOf(inputs ...*onnxpb.ValueInfoProto) *onnxpb.GraphProto {
	return &onnxpb.GraphProto{Name: proto.String("body"), Input: inputs}
}

var boolInfo = func(name string) *onnxpb.ValueInfoProto {
	return typedInfo(name, op.Spec{Type: onnx.Bool, Shape: []int{}})
}
var floatInfo = func(name string, shape ...int) *onnxpb.ValueInfoProto {
	return typedInfo(name, op.Spec{Type: onnx.Float32, Shape: shape})
}
var intInfo = func(name string, shape ...int) *onnxpb.ValueInfoProto {
	return typedInfo(name, op.Spec{Type: onnx.Int64, Shape: shape})
}

// controlCase is a graph with control flow over named inputs.
type controlCase struct {
	g      *onnxpb.GraphProto
	inputs map[string]*op.Tensor
	wrt    []string // inputs that a gradient flows to; nil means all
}

// controlCases are graphs as exporters write them.
func controlCases(t *testing.T) map[string]controlCase {
	return map[string]controlCase{
		"loop":           loopCase(t, 3),
		"loop of none":   loopCase(t, 0),
		"growing loop":   growingCase(t),
		"while":          whileCase(t),
		"scan":           scanCase(0, 0, 0),
		"scan backwards": scanCase(1, 1, 1),
		"scan columns":   scanCase(-1, 0, 1),
		"if":             ifCase(t),
		"if unharmed":    unharmedCase(t),
		"data trips":     dataTripsCase(t),
		"data condition": dataConditionCase(t),
		"nested":         nestedCase(t),
		"recurrent":      recurrentCase(t),
		"optional":       optionalCase(t),
		"map":            mapCase(t),
		"sequence":       sequenceCase(t),
	}
}

// loopCase is h = tanh(h w + x) some times, with every h stacked.
func loopCase(t *testing.T, trips int64) controlCase {
	body := bodyOf(intInfo("i"), boolInfo("on"), floatInfo("h", 2, 3))
	addNode(body, "MatMul", "h w", "p")
	addNode(body, "Add", "p x", "q")
	addNode(body, "Tanh", "q", "next")
	addNode(body, "Mul", "next next", "square")
	addNode(body, "Identity", "on", "still")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Loop", "trips - start", "last all",
		subgraph("body", body, boolInfo("still"), floatInfo("next", 2, 3), floatInfo("square", 2, 3)))
	addNode(g, "Concat", "all first", "stack", optest.IntAttr("axis", 0))
	addNode(g, "Add", "stack last", "y")
	g.Initializer = append(g.Initializer, initializer(t, "trips", []int{}, trips))
	addFloats(t, g, "first", []int{1, 2, 3}, 1, 2, 3, 4, 5, 6)
	var wrt []string
	if trips == 0 {
		wrt = []string{"start"}
	}
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 2, 3), "w": optest.RandomTensor(2, 3, 3),
		"start": optest.RandomTensor(3, 2, 3)}, wrt}
}

// growingCase joins one more row in each iteration.
func growingCase(t *testing.T) controlCase {
	body := bodyOf(intInfo("i"), boolInfo("on"), typedInfo("rows", op.Spec{Type: onnx.Float32}))
	body.Input[2].GetType().GetTensorType().Shape = nil
	addNode(body, "Concat", "rows x", "more", optest.IntAttr("axis", 0))
	addNode(body, "Identity", "on", "still")
	out := typedInfo("more", op.Spec{Type: onnx.Float32})
	out.GetType().GetTensorType().Shape = nil
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Loop", "trips - x", "y", subgraph("body", body, boolInfo("still"), out))
	g.Initializer = append(g.Initializer, initializer(t, "trips", []int{}, 3))
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 2, 3)}, nil}
}

// whileCase runs while i < 4, with no trip count.
func whileCase(t *testing.T) controlCase {
	body := bodyOf(intInfo("i"), boolInfo("on"), floatInfo("h", 2))
	addNode(body, "Mul", "h x", "next")
	addNode(body, "Less", "i limit", "still")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Loop", "- yes x", "y", subgraph("body", body, boolInfo("still"), floatInfo("next", 2)))
	g.Initializer = append(g.Initializer, initializer(t, "limit", []int{}, 4))
	yes, err := onnx.NewTensor("yes", []int{}, []bool{true})
	if err != nil {
		t.Fatal(err)
	}
	g.Initializer = append(g.Initializer, yes)
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 2)}, nil}
}

// scanCase is a running product along an axis, in both directions.
func scanCase(axis, in, out int64) controlCase {
	body := bodyOf(floatInfo("h", 2), floatInfo("slice", 2))
	addNode(body, "Sin", "slice", "s")
	addNode(body, "Mul", "h s", "p")
	addNode(body, "Add", "p slice", "next")
	addNode(body, "Identity", "next", "kept")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Scan", "start x", "last all", subgraph("body", body, floatInfo("next", 2), floatInfo("kept", 2)),
		optest.IntAttr("num_scan_inputs", 1), optest.IntsAttr("scan_input_axes", axis),
		optest.IntsAttr("scan_input_directions", in),
		optest.IntsAttr("scan_output_axes", axis), optest.IntsAttr("scan_output_directions", out))
	addNode(g, "ReduceSum", "last", "sum")
	addNode(g, "Add", "all sum", "y")
	shape := []int{4, 2}
	if axis != 0 {
		shape = []int{2, 4}
	}
	return controlCase{g,
		map[string]*op.Tensor{"x": optest.RandomTensor(1, shape...), "start": optest.RandomTensor(2, 2)}, nil}
}

// ifCase chooses by the sum of an input.
func ifCase(t *testing.T) controlCase {
	yes, no := bodyOf(), bodyOf()
	addNode(yes, "Mul", "x w", "a")
	addNode(no, "Sub", "x w", "b")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "ReduceSum", "x", "sum", optest.IntAttr("keepdims", 0))
	addNode(g, "Greater", "sum zero", "positive")
	addNode(g, "If", "positive", "y", subgraph("then_branch", yes, floatInfo("a", 2, 3)),
		subgraph("else_branch", no, floatInfo("b", 2, 3)))
	addFloats(t, g, "zero", []int{}, 0)
	return controlCase{g,
		map[string]*op.Tensor{"x": optest.RandomTensor(1, 2, 3), "w": optest.RandomTensor(2, 2, 3)}, nil}
}

// unharmedCase has a branch that would fail: it reads a row that is not there.
func unharmedCase(t *testing.T) controlCase {
	c := ifCase(t)
	no := c.g.Node[2].Attribute[1].G
	no.Node = nil
	addNode(no, "Gather", "w places", "r", optest.IntAttr("axis", 0))
	addNode(no, "Mul", "r x", "b")
	addNode(c.g, "Cast", "positive", "one", optest.IntAttr("to", int64(onnx.Int64)))
	addNode(c.g, "Mul", "one far", "at")
	addNode(c.g, "Expand", "at two", "places")
	c.g.Initializer = append(c.g.Initializer, initializer(t, "far", []int{}, 9), initializer(t, "two", []int{1}, 2))
	c.g.Node = append(slices.Clone(c.g.Node[:2]), append(c.g.Node[3:], c.g.Node[2])...)
	for i, v := range c.inputs["x"].F {
		c.inputs["x"].F[i] = v*v + 0.1 // a positive sum
	}
	return c
}

// dataTripsCase runs h = tanh(h w + x) as often as the data say.
func dataTripsCase(t *testing.T) controlCase {
	c := loopCase(t, 3)
	c.g.Node = c.g.Node[:1]
	body := c.g.Node[0].Attribute[0].G
	body.Output, body.Node = body.Output[:2], append(body.Node[:3], body.Node[4])
	c.g.Node[0].Output = []string{"y"}
	c.g.Node[0].Input[0] = "count"
	c.g.Initializer = nil
	addNode(c.g, "ReduceMax", "x", "most", optest.IntAttr("keepdims", 0))
	addNode(c.g, "Abs", "most", "size")
	addNode(c.g, "Ceil", "size", "whole")
	addNode(c.g, "Cast", "whole", "n", optest.IntAttr("to", int64(onnx.Int64)))
	addNode(c.g, "Add", "n n", "count")
	c.g.Node = append(c.g.Node[1:], c.g.Node[0])
	return c
}

// dataConditionCase doubles a state while its sum is small, inside a body that reads two inputs from outside.
func dataConditionCase(t *testing.T) controlCase {
	body := bodyOf(intInfo("i"), boolInfo("on"), floatInfo("h", 2, 3))
	addNode(body, "Mul", "h w", "p")
	addNode(body, "Add", "p x", "next")
	addNode(body, "ReduceSumSquare", "next", "size", optest.IntAttr("keepdims", 0))
	addNode(body, "Less", "size limit", "still")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Loop", "most - x", "y", subgraph("body", body, boolInfo("still"), floatInfo("next", 2, 3)))
	addFloats(t, g, "limit", []int{}, 200)
	g.Initializer = append(g.Initializer, initializer(t, "most", []int{}, 1<<62))
	w := optest.RandomTensor(2, 2, 3)
	for i, v := range w.F {
		w.F[i] = 1.5 + v*v/4
	}
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 2, 3), "w": w}, nil}
}

// nestedCase has an If in the body of a Loop, both decided by the data.
func nestedCase(t *testing.T) controlCase {
	c := dataConditionCase(t)
	yes, no := bodyOf(), bodyOf()
	addNode(yes, "Sin", "next", "a")
	addNode(no, "Mul", "next w", "b")
	body := c.g.Node[0].Attribute[0].G
	addNode(body, "ReduceSum", "next", "sum", optest.IntAttr("keepdims", 0))
	addNode(body, "Greater", "sum zero", "positive")
	addNode(body, "If", "positive", "then", subgraph("then_branch", yes, floatInfo("a", 2, 3)),
		subgraph("else_branch", no, floatInfo("b", 2, 3)))
	addNode(body, "Add", "next then", "sum2")
	body.Output[1].Name = proto.String("sum2")
	addFloats(t, c.g, "zero", []int{}, 0)
	return c
}

// recurrentCase has a body whose operator computes several gradients together.
func recurrentCase(t *testing.T) controlCase {
	body := bodyOf(intInfo("i"), boolInfo("on"), floatInfo("h", 1, 2, 3), floatInfo("s", 1, 2, 3))
	gru := addNode(body, "GRU", "h w r", "all next", optest.IntAttr("hidden_size", 3))
	gru.Output = []string{"all", "next"}
	addNode(body, "Squeeze", "all axis", "seen")
	addNode(body, "Add", "s seen", "sum")
	addNode(body, "ReduceSumSquare", "sum", "size", optest.IntAttr("keepdims", 0))
	addNode(body, "Less", "size limit", "still")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Loop", "most - x x", "last total",
		subgraph("body", body, boolInfo("still"), floatInfo("next", 1, 2, 3), floatInfo("sum", 1, 2, 3)))
	addNode(g, "Add", "last total", "y")
	addFloats(t, g, "limit", []int{}, 30)
	g.Initializer = append(g.Initializer, initializer(t, "most", []int{}, 7), initializer(t, "axis", []int{1}, 1))
	return controlCase{g,
		map[string]*op.Tensor{"x": optest.RandomTensor(1, 1, 2, 3), "w": optest.RandomTensor(2, 1, 9, 3),
			"r": optest.RandomTensor(3, 1, 9, 3)}, nil}
}

// optionalCase wraps a tensor and takes it out again where it is there.
func optionalCase(t *testing.T) controlCase {
	yes, no := bodyOf(), bodyOf()
	addNode(yes, "OptionalGetElement", "o", "a")
	addNode(no, "Neg", "x", "b")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "Sin", "x", "s")
	addNode(g, "Optional", "s", "o")
	addNode(g, "OptionalHasElement", "o", "there")
	addNode(g, "If", "there", "y", subgraph("then_branch", yes, floatInfo("a", 2)),
		subgraph("else_branch", no, floatInfo("b", 2)))
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 2)}, nil}
}

// mapCase builds a sequence from nothing, maps it, and uses its length.
func mapCase(t *testing.T) controlCase {
	body := bodyOf(floatInfo("e", 2))
	addNode(body, "Tanh", "e", "f")
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	empty := addNode(g, "SequenceEmpty", "", "none")
	empty.Input = nil
	addNode(g, "SequenceInsert", "none x", "one")
	addNode(g, "SequenceConstruct", "x w", "two")
	addNode(g, "SequenceMap", "two", "mapped", subgraph("body", body, floatInfo("f", 2)))
	addNode(g, "SequenceLength", "mapped", "n")
	addNode(g, "Cast", "n", "length", optest.IntAttr("to", int64(onnx.Float32)))
	addNode(g, "ConcatFromSequence", "mapped", "all", optest.IntAttr("axis", 0))
	addNode(g, "ConcatFromSequence", "one", "first", optest.IntAttr("axis", 0), optest.IntAttr("new_axis", 1))
	addNode(g, "ReduceSum", "first", "sum")
	addNode(g, "Mul", "all length", "scaled")
	addNode(g, "Add", "scaled sum", "y0")
	addNode(g, "Reshape", "y0 flat", "y")
	g.Initializer = append(g.Initializer, initializer(t, "flat", []int{1}, -1))
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 2), "w": optest.RandomTensor(2, 2)}, nil}
}

// sequenceCase cuts a tensor up, changes the list and joins it again.
func sequenceCase(t *testing.T) controlCase {
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	addNode(g, "SplitToSequence", "x two", "cut", optest.IntAttr("axis", 0))
	addNode(g, "SequenceInsert", "cut x one", "more")
	addNode(g, "SequenceErase", "more last", "less")
	addNode(g, "SequenceAt", "cut last", "tail")
	addNode(g, "SequenceInsert", "less tail", "all")
	addNode(g, "ConcatFromSequence", "all", "y", optest.IntAttr("axis", 0))
	g.Initializer = append(g.Initializer, initializer(t, "one", []int{}, 1), initializer(t, "last", []int{}, -1),
		initializer(t, "two", []int{}, 2))
	return controlCase{g, map[string]*op.Tensor{"x": optest.RandomTensor(1, 5, 3)}, nil}
}

// model makes a model of the case whose inputs and output y are declared.
func (c controlCase) model(t *testing.T) (*onnx.Model, []byte) {
	t.Helper()
	c.g.Input = nil
	for _, name := range slices.Sorted(keysOf(c.inputs)) {
		c.g.Input = append(c.g.Input, typedInfo(name, c.inputs[name].Spec()))
	}
	out := typedInfo("y", op.Spec{Type: onnx.Float32})
	out.GetType().GetTensorType().Shape = nil
	c.g.Output = []*onnxpb.ValueInfoProto{out}
	p := &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: c.g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}}}
	data, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(data, "")
	if err != nil {
		t.Fatal(err)
	}
	return m, data
}

func keysOf[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
