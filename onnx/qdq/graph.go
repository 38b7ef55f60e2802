package qdq

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// rewriter collects what changes in a graph.
type rewriter struct {
	model    *onnx.Model
	graph    *onnxpb.GraphProto
	nodes    []*onnxpb.NodeProto            // that quantise or dequantise
	tensors  map[string]*onnxpb.TensorProto // initializers and constants
	producer map[string]*onnxpb.NodeProto
	readers  map[string][]*onnxpb.NodeProto // nodes of the graph
	fixed    map[string]bool                // names that bodies read or the graph gives: they stay
	taken    map[string]bool                // names in use
	opset    int64

	drop    map[*onnxpb.NodeProto]bool
	clip    map[*onnxpb.NodeProto]*onnxpb.NodeProto // what stands in the place of a node
	rename  map[string]string
	added   []*onnxpb.TensorProto
	known   map[string]string // weights that were made float, by what they were made from
	summary Summary
}

func isQuantise(n *onnxpb.NodeProto) bool {
	return n != nil && n.GetOpType() == "QuantizeLinear" && ours(n)
}
func isDequantise(n *onnxpb.NodeProto) bool { return n.GetOpType() == "DequantizeLinear" && ours(n) }

func ours(n *onnxpb.NodeProto) bool {
	d := onnx.Domain(n.GetDomain())
	return d == "" || d == "com.microsoft"
}

// read finds the nodes that quantise and dequantise. Those in bodies and functions are refused.
func read(m *onnx.Model) (*rewriter, error) {
	g := m.Proto().GetGraph()
	r := &rewriter{model: m, graph: g, opset: m.Opset(""), tensors: map[string]*onnxpb.TensorProto{},
		producer: map[string]*onnxpb.NodeProto{}, readers: map[string][]*onnxpb.NodeProto{}, fixed: map[string]bool{},
		taken: map[string]bool{}, drop: map[*onnxpb.NodeProto]bool{}, rename: map[string]string{},
		clip: map[*onnxpb.NodeProto]*onnxpb.NodeProto{}, known: map[string]string{}}
	for _, t := range g.GetInitializer() {
		r.tensors[t.GetName()], r.taken[t.GetName()] = t, true
	}
	for _, v := range g.GetInput() {
		r.taken[v.GetName()] = true
	}
	for _, v := range g.GetOutput() {
		r.fixed[v.GetName()] = true
	}
	return r, m.Walk(func(p onnx.Place, n *onnxpb.NodeProto) error {
		inner := p.Outer != nil || p.Function != nil
		if quantises := isQuantise(n) || isDequantise(n); quantises && inner {
			return refusef("%s %q stands in a %s", n.GetOpType(), onnx.NodeLabel(n), &p)
		} else if quantises && (len(n.GetInput()) < 2 || len(n.GetOutput()) != 1) {
			return refusef("%s %q has %d inputs and %d outputs", n.GetOpType(), onnx.NodeLabel(n), len(n.GetInput()),
				len(n.GetOutput()))
		} else if quantises {
			r.nodes = append(r.nodes, n)
		}
		r.note(n, inner)
		return nil
	})
}

// note enters what a node reads and gives.
func (r *rewriter) note(n *onnxpb.NodeProto, inner bool) {
	for _, name := range n.GetOutput() {
		r.taken[name] = true
		if !inner {
			r.producer[name] = n
		}
	}
	for _, name := range n.GetInput() {
		if inner {
			r.fixed[name] = true
		} else {
			r.readers[name] = append(r.readers[name], n)
		}
	}
	if t := onnx.NodeAttributes(n).Tensor("value"); !inner && n.GetOpType() == "Constant" && t != nil &&
		len(n.GetOutput()) == 1 {
		r.tensors[n.GetOutput()[0]] = t
	}
}

// apply makes the changes in the whole message, whose nodes are at the places of the graph's.
func (r *rewriter) apply(p *onnxpb.ModelProto) error {
	g := p.GetGraph()
	var nodes []*onnxpb.NodeProto
	for i, n := range r.graph.GetNode() {
		switch {
		case r.clip[n] != nil:
			nodes = append(nodes, r.clip[n])
		case !r.drop[n]:
			nodes = append(nodes, g.Node[i])
		}
	}
	for _, n := range nodes {
		for i, name := range n.Input {
			n.Input[i] = r.renamed(name)
		}
	}
	g.Node = nodes
	g.Initializer = append(g.Initializer, r.added...)
	g.QuantizationAnnotation = nil
	r.sweep(g)
	return nil
}

// renamed is what a value is called now. Names are changed more than once where a value was known by several.
func (r *rewriter) renamed(name string) string {
	for range r.rename {
		to, ok := r.rename[name]
		if !ok {
			break
		}
		name = to
	}
	return name
}

// sweep drops what only the nodes that are gone had a use for.
func (r *rewriter) sweep(g *onnxpb.GraphProto) {
	gone, given := map[string]bool{}, map[string]bool{}
	for _, n := range r.nodes {
		for _, name := range slices.Concat(n.GetInput(), n.GetOutput()) {
			gone[name] = true
		}
	}
	for name := range r.fixed {
		delete(gone, name)
	}
	for _, n := range g.Node {
		for _, name := range n.GetInput() {
			delete(gone, name)
		}
		for _, name := range n.GetOutput() {
			given[name] = true
		}
	}
	g.Node = slices.DeleteFunc(g.Node, func(n *onnxpb.NodeProto) bool {
		return n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 && gone[n.GetOutput()[0]]
	})
	initial := map[string]bool{}
	g.Initializer = slices.DeleteFunc(g.Initializer, func(t *onnxpb.TensorProto) bool {
		initial[t.GetName()] = true
		return gone[t.GetName()]
	})
	g.Input = slices.DeleteFunc(g.Input, func(v *onnxpb.ValueInfoProto) bool {
		return gone[v.GetName()] && initial[v.GetName()]
	})
	g.ValueInfo = slices.DeleteFunc(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool {
		return gone[v.GetName()] && !given[v.GetName()]
	})
}

// fresh is a name that nothing has, the wanted one if that is free.
func (r *rewriter) fresh(want string) string {
	name := want
	for i := 0; r.taken[name]; i++ {
		name = want + "_" + string(rune('a'+i%26)) + strings.Repeat("_", i/26)
	}
	r.taken[name] = true
	return name
}

// floats adds an initializer.
func (r *rewriter) floats(name string, to onnx.DataType, shape []int, values []float64) error {
	t, err := onnx.NewFloatTensor(name, to, shape, values)
	if err != nil {
		return err
	}
	if r.model.Proto().GetIrVersion() < 4 { // where every initializer is an input too
		return refusef("%s: the file is of IR version %d, before QDQ", name, r.model.Proto().GetIrVersion())
	}
	r.added = append(r.added, t)
	return nil
}

// clipNode is Clip of a value to a range: its bounds are attributes before opset 11, inputs since.
func (r *rewriter) clipNode(of, name, out string, to onnx.DataType, low, high float64) (*onnxpb.NodeProto, error) {
	n := &onnxpb.NodeProto{Name: proto.String(name), OpType: proto.String("Clip"), Input: []string{of},
		Output: []string{out}}
	if r.opset < 11 {
		for _, b := range []struct {
			name  string
			value float64
		}{{"min", low}, {"max", high}} {
			n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: proto.String(b.name),
				Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(float32(b.value))})
		}
		return n, nil
	}
	for _, b := range []struct {
		name  string
		value float64
	}{{"_min", low}, {"_max", high}} {
		bound := r.fresh(out + b.name)
		if err := r.floats(bound, to, nil, []float64{b.value}); err != nil {
			return nil, err
		}
		n.Input = append(n.Input, bound)
	}
	return n, nil
}
