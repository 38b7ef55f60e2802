package network

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/expand"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// graphMaker makes a small graph of bytes: nodes of any operator there is, over the values there are, with attributes
// that operators have. Nodes that cannot be lowered are left out again, so that what stays gets deep.
type graphMaker struct {
	bytes []byte
	graph *onnxpb.GraphProto
	names []string // of the values there are, "" for none
	opset int64
}

func (m *graphMaker) next() int {
	if len(m.bytes) == 0 {
		return 0
	}
	b := m.bytes[0]
	m.bytes = m.bytes[1:]
	return int(b)
}

// oneOf chooses an element of a list.
func oneOf[T any](m *graphMaker, list []T) T {
	return list[(m.next()<<8|m.next())%len(list)]
}

// allOperators are the names of operators and expansions, with their domains.
var allOperators = func() (list []string) {
	for k := range table.Forms {
		list = append(list, k)
	}
	for name := range expand.Operators {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}()

// someAttributes are names that operators read.
var someAttributes = []string{
	"axis", "axes", "perm", "keepdims", "alpha", "beta", "transA", "transB", "kernel_shape", "strides", "pads",
	"dilations", "group",
	"auto_pad", "ceil_mode", "count_include_pad", "mode", "epsilon", "num_heads", "q_num_heads", "kv_num_heads",
	"is_causal", "to",
	"hidden_size", "direction", "layout", "reduction", "ignore_index", "blocksize", "num_groups", "batch_dims",
	"exclusive", "reverse",
	"largest", "k", "split", "num_outputs", "value_int", "value_ints", "value_float", "onesided", "inverse", "size",
	"upper", "scale",
	"border", "equation", "output_shape", "num_scan_inputs", "new_axis", "noop_with_empty_axes", "shape", "starts",
	"ends", "broadcast",
}

var someStrings = []string{"", "SAME_UPPER", "VALID", "reflect", "edge", "linear", "cubic", "nearest", "sum", "none",
	"bidirectional", "reverse", "ij,jk->ik", "add"}

func (m *graphMaker) attribute() *onnxpb.AttributeProto {
	name := someAttributes[m.next()%len(someAttributes)]
	small := func() int64 { return int64(m.next()%8 - 3) }
	switch m.next() % 5 {
	case 0, 1:
		return optest.IntAttr(name, small())
	case 2:
		var list []int64
		for range m.next() % 5 {
			list = append(list, small())
		}
		return optest.IntsAttr(name, list...)
	case 3:
		return optest.FloatAttr(name, float32(small())/2)
	}
	return optest.StringAttr(name, someStrings[m.next()%len(someStrings)])
}

// node makes one node; bodies of control flow are graphs of their own.
func (m *graphMaker) node(depth int) *onnxpb.NodeProto {
	op := oneOf(m, allOperators)
	dot := strings.LastIndexByte(op, '.')
	n := &onnxpb.NodeProto{Domain: proto.String(op[:max(0, dot)]), OpType: proto.String(op[dot+1:])}
	for range 1 + m.next()%4 {
		n.Input = append(n.Input, oneOf(m, m.names))
	}
	for range m.next() % 3 {
		n.Attribute = append(n.Attribute, m.attribute())
	}
	for k := range 1 + m.next()%2 {
		n.Output = append(n.Output, fmt.Sprintf("v%d_%d_%d", depth, len(m.names), k))
	}
	for _, name := range map[string][]string{"If": {"then_branch", "else_branch"}, "Loop": {"body"},
		"Scan": {"body"}, "SequenceMap": {"body"}}[op] {
		if depth < 2 {
			n.Attribute = append(n.Attribute, m.body(name, op, depth+1))
		}
	}
	return n
}

// body makes a subgraph of a node or two.
func (m *graphMaker) body(name, op string, depth int) *onnxpb.AttributeProto {
	g := &onnxpb.GraphProto{Name: proto.String(name)}
	outer := m.names
	if op != "If" {
		for k := range 1 + m.next()%3 {
			in := fmt.Sprintf("in%d_%d", depth, k)
			g.Input = append(g.Input, valueInfo(in, onnx.Float32))
			m.names = append(slices.Clip(m.names), in)
		}
	}
	for range 1 + m.next()%2 {
		n := m.node(depth)
		g.Node = append(g.Node, n)
		m.names = append(slices.Clip(m.names), n.Output...)
	}
	for range 1 + m.next()%3 {
		g.Output = append(g.Output, valueInfo(oneOf(m, m.names), onnx.Float32))
	}
	m.names = outer
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_GRAPH.Enum(), G: g}
}

// newGraphMaker starts with float inputs of two shapes, integers, a condition, and constants of each kind.
func newGraphMaker(bytes []byte) *graphMaker {
	m := &graphMaker{bytes: bytes, graph: graphOf("x", "image"),
		names: []string{"", "x", "image", "ids", "w", "kernel", "few", "one", "yes"}}
	m.graph.Input = append(m.graph.Input, valueInfo("ids", onnx.Int64))
	m.opset = oneOf(m, []int64{6, 9, 11, 13, 17, 18, 21, 23})
	few := make([]int64, 1+m.next()%4)
	for i := range few {
		few[i] = int64(m.next()%6 - 2)
	}
	addTensor(m.graph, "w", []int{3, 3}, optest.RandomTensor(1, 3, 3).F)
	addTensor(m.graph, "kernel", []int{2, 2, 3, 3}, optest.RandomTensor(2, 2, 2, 3, 3).F)
	addTensor(m.graph, "few", []int{len(few)}, few)
	addTensor(m.graph, "one", []int{}, []int64{int64(m.next() % 4)})
	addTensor(m.graph, "yes", []int{}, []bool{m.next()%2 == 0})
	return m
}

// addTensor adds an initializer.
func addTensor[T float32 | int64 | bool](g *onnxpb.GraphProto, name string, shape []int, v []T) {
	p, err := onnx.NewTensor(name, shape, v)
	if err != nil {
		panic(err)
	}
	g.Initializer = append(g.Initializer, p)
}

// inputs are what the graph is run on.
func (m *graphMaker) inputs() map[string]*op.Tensor {
	return map[string]*op.Tensor{"x": optest.RandomTensor(3, 2, 3),
		"image": optest.RandomTensor(4, 1, 2, 5, 5), "ids": optest.IntTensor(1, 0)}
}

// lower lowers the graph for one output, with w and kernel as mixtures.
func (m *graphMaker) lower(output string) (*Graph, map[string]*op.Tensor, error) {
	p := &onnxpb.ModelProto{IrVersion: proto.Int64(9), Graph: m.graph}
	for _, domain := range []string{"", "com.microsoft", "ai.onnx.ml"} {
		p.OpsetImport = append(p.OpsetImport,
			&onnxpb.OperatorSetIdProto{Domain: proto.String(domain), Version: proto.Int64(m.opset)})
	}
	model, err := onnx.FromProto(p)
	if err != nil {
		return nil, nil, err
	}
	c := Config{Shapes: map[string][]int{}, Outputs: []string{output}, MaxBytes: 1 << 20}
	inputs := m.inputs()
	for name, t := range inputs {
		c.Shapes[name] = t.Shape
	}
	for i, name := range []string{"w", "kernel"} {
		shape := [][]int{{3, 3}, {2, 2, 3, 3}}[i]
		v := [][]float32{optest.RandomTensor(uint64(i)+1, shape...).F, optest.RandomTensor(uint64(i)+7, shape...).F}
		c.Params = append(c.Params,
			ir.Param{Name: name, Sites: sitesOf(model, name), Shape: shape, Values: v, Gate: i, Axis: -1})
	}
	g, err := Lower(model, c)
	return g, inputs, err
}

// run lowers, evaluates and differentiates the graph. Errors must be of a known kind and no internal check may fail.
func (m *graphMaker) run(t *testing.T, output string) bool {
	g, inputs, err := m.lower(output)
	if err == nil {
		_, err = NewRunner(g, nil).Run(inputs, [][]float64{{0.5, 0.5}, {0.5, 0.5}})
	}
	if err == nil && g.lowered.Outputs[0].IsFloat() && g.lowered.Outputs[0].Value.Gated {
		if _, e := outputGradient(g, 0, inputs, [][]float64{{0.5, 0.5}, {0.5, 0.5}}); e != nil &&
			!errors.Is(e, op.ErrUnsupported) {
			t.Errorf("gradient: %v\n%v", e, m.graph.GetNode())
		}
	}
	switch {
	case err == nil:
		return true
	case strings.Contains(err.Error(), "internal check failed"):
		t.Errorf("%v\n%v", err, m.graph.GetNode())
	case !errors.Is(err, op.ErrUnsupported) && !errors.Is(err, op.ErrShape) && !errors.Is(err, onnx.ErrInvalid):
		t.Errorf("an error of no known kind: %v\n%v", err, m.graph.GetNode())
	}
	return false
}

// tryGraph builds a graph node by node, keeping those that run, within a bound on memory.
func tryGraph(t *testing.T, bytes []byte) (kept int) {
	m := newGraphMaker(bytes)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for len(m.bytes) > 0 && kept < 10 {
		n := m.node(0)
		m.graph.Node = append(m.graph.Node, n)
		if !m.run(t, n.Output[0]) {
			m.graph.Node = m.graph.Node[:len(m.graph.Node)-1]
			continue
		}
		kept++
		m.names = append(m.names, n.Output...)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	return kept
}

// FuzzLower checks that no graph makes lowering, running or differentiating panic or take memory without bound.
func FuzzLower(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 8 {
		b := make([]byte, 600)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { tryGraph(t, bytes[:min(len(bytes), 2000)]) })
}

// TestRandomGraphs runs graphs drawn at random, of which enough must be worth running.
func TestRandomGraphs(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	kept := 0
	for range 60 {
		b := make([]byte, 1500)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		kept += tryGraph(t, b)
	}
	if kept < 120 {
		t.Errorf("only %d nodes ran", kept)
	}
}
