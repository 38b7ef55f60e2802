package graphmatch

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// maxNodes bounds the nodes of a flow: local functions are expanded at every call, and a small hostile
// file could ask for more than any memory holds.
const maxNodes = 1 << 18

// maxDepth bounds subgraphs and function calls within each other.
const maxDepth = 64

// flow is a model as a data flow: subgraphs and functions expanded, renaming nodes gone.
type flow struct {
	model   *onnx.Model
	nodes   []*node // topological order
	inputs  []*value
	outputs []*value
	named   map[string]*value // the main graph's values that depend on data
}

// node is one operator application.
type node struct {
	proto *onnxpb.NodeProto
	op    string // operator type, with the domain in front unless it is ONNX's own
	opset int64  // version of the operator's domain where the node is written
	where string // path of enclosing subgraphs and functions, for names
	in    []*value
	out   []*value
	live  bool
	unit  *unit // the layer that the node belongs to
	shift int   // what to add to a slot to get the input's number in proto
}

// value is one array in the flow.
type value struct {
	from    *node // producer; nil for inputs and constants
	port    int   // output number at the producer, or number among the graph's inputs
	fixed   *constant
	readers []reader
}

// reader is an input slot of a node.
type reader struct {
	node *node
	slot int
}

// scope resolves names in a graph or function body.
type scope struct {
	outer  *scope
	values map[string]*value
	where  string
	depth  int
	opsets []*onnxpb.OperatorSetIdProto
}

// find looks a name up, here and then outside. The value of an optional input that a function's caller
// leaves out is nil, and still known.
func (s *scope) find(name string) (v *value, known bool) {
	for ; s != nil; s = s.outer {
		if v, known = s.values[name]; known {
			return v, true
		}
	}
	return nil, false
}

// inner is a scope for a subgraph, which sees the names around it.
func (s *scope) inner(where string) *scope {
	return &scope{outer: s, values: map[string]*value{}, where: s.where + where + "/", depth: s.depth + 1, opsets: s.opsets}
}

// builder makes the flow of one model.
type builder struct {
	*flow
	functions map[string]*onnxpb.FunctionProto
}

// newFlow reads a model as a data flow. It fails for names that nothing produces and for nesting that no
// real model has.
func newFlow(m *onnx.Model) (*flow, error) {
	proto := m.Proto()
	b := &builder{flow: &flow{model: m, named: map[string]*value{}}, functions: map[string]*onnxpb.FunctionProto{}}
	for _, f := range proto.GetFunctions() {
		b.functions[f.GetDomain()+"::"+f.GetName()+":"+f.GetOverload()] = f
	}
	top := &scope{values: map[string]*value{}, opsets: proto.GetOpsetImport()}
	g := proto.GetGraph()
	b.initializers(g, top)
	for _, in := range g.GetInput() {
		if _, ok := top.values[in.GetName()]; ok {
			continue // files of IR version 3 list every initializer as an input too
		}
		v := &value{port: len(b.inputs)}
		b.inputs = append(b.inputs, v)
		top.values[in.GetName()] = v
	}
	if err := b.body(g.GetNode(), top); err != nil {
		return nil, err
	}
	for _, out := range g.GetOutput() {
		v, known := top.find(out.GetName())
		if !known {
			return nil, fmt.Errorf("%s: %w: nothing produces output %q", m.Path(), onnx.ErrInvalid, out.GetName())
		}
		b.outputs = append(b.outputs, v)
	}
	for name, v := range top.values {
		if v != nil && v.fixed == nil {
			b.named[name] = v
		}
	}
	b.markLive()
	return b.flow, nil
}

// initializers enters a graph's stored tensors into its scope.
func (b *builder) initializers(g *onnxpb.GraphProto, s *scope) {
	for _, t := range g.GetInitializer() {
		s.values[t.GetName()] = &value{fixed: newConstant(t, t.GetName(), false)}
	}
	for _, t := range g.GetSparseInitializer() {
		c := newConstant(nil, t.GetValues().GetName(), false)
		for _, d := range t.GetDims() {
			c.shape, c.axes = append(c.shape, int(d)), append(c.axes, -1)
		}
		s.values[c.name()] = &value{fixed: c}
	}
}

// body adds the nodes of a graph or function.
func (b *builder) body(nodes []*onnxpb.NodeProto, s *scope) error {
	if s.depth > maxDepth {
		return fmt.Errorf("%s: %w: subgraphs or functions nested deeper than %d", b.model.Path(), onnx.ErrInvalid, maxDepth)
	}
	for _, p := range inOrder(nodes) {
		if len(b.nodes) > maxNodes {
			return fmt.Errorf("%s: %w: more than %d nodes once functions are expanded", b.model.Path(), onnx.ErrInvalid, maxNodes)
		}
		if err := b.node(p, s); err != nil {
			return err
		}
	}
	return nil
}

// node adds one node: a rename, a view of a constant, a function call or an operator.
func (b *builder) node(p *onnxpb.NodeProto, s *scope) error {
	n := &node{proto: p, op: qualified(p), opset: opsetOf(s.opsets, p.GetDomain()), where: s.where}
	for _, name := range p.GetInput() {
		v, known := s.find(name)
		if !known && name != "" {
			return fmt.Errorf("%s: %w: node %q (%s) reads %q, which nothing produces", b.model.Path(), onnx.ErrInvalid, p.GetName(), n.op, name)
		}
		n.in = append(n.in, v)
	}
	if v := b.passed(n); v != nil && len(p.GetOutput()) > 0 {
		s.values[p.GetOutput()[0]] = v
		for _, name := range p.GetOutput()[1:] {
			s.values[name] = &value{} // the mask of a Dropout: no data of the network
		}
		return nil
	}
	if f := b.functions[p.GetDomain()+"::"+p.GetOpType()+":"+p.GetOverload()]; f != nil {
		return b.expand(n, f, s)
	}
	if err := b.subgraphs(n, s); err != nil {
		return err
	}
	b.add(n, s)
	return nil
}

// add appends an operator and enters its outputs into the scope.
func (b *builder) add(n *node, s *scope) {
	b.nodes = append(b.nodes, n)
	for slot, v := range n.in {
		if v != nil {
			v.readers = append(v.readers, reader{n, slot})
		}
	}
	for port, name := range n.proto.GetOutput() {
		v := &value{from: n, port: port}
		n.out = append(n.out, v)
		if name != "" {
			s.values[name] = v
		}
	}
}

// expand adds the body of a local function. Tensors handed to it enter at the call, which is where an
// edit can give one call another tensor.
func (b *builder) expand(n *node, f *onnxpb.FunctionProto, s *scope) error {
	in := &scope{values: map[string]*value{}, where: s.where + n.proto.GetName() + "/", depth: s.depth + 1, opsets: f.GetOpsetImport()}
	for i, name := range f.GetInput() {
		in.values[name] = nil
		if i >= len(n.in) || n.in[i] == nil {
			continue
		}
		v := n.in[i]
		if v.fixed != nil {
			v = &value{fixed: v.fixed.through(onnx.Site{Node: n.proto, Input: i})}
		}
		in.values[name] = v
	}
	if err := b.body(f.GetNode(), in); err != nil {
		return err
	}
	for i, name := range f.GetOutput() {
		if i < len(n.proto.GetOutput()) {
			v, known := in.find(name)
			if !known {
				return fmt.Errorf("%s: %w: function %s does not produce its output %q", b.model.Path(), onnx.ErrInvalid, f.GetName(), name)
			}
			s.values[n.proto.GetOutput()[i]] = v
		}
	}
	return nil
}

// subgraphs adds the bodies of If, Loop, Scan and their like; what a body returns becomes further inputs
// of the node that owns it.
func (b *builder) subgraphs(n *node, s *scope) error {
	for _, a := range n.proto.GetAttribute() {
		graphs := a.GetGraphs()
		if a.GetG() != nil {
			graphs = append(slices.Clone(graphs), a.GetG())
		}
		for _, g := range graphs {
			in := s.inner(n.proto.GetName() + "/" + a.GetName())
			b.bodyInputs(n, g, in)
			b.initializers(g, in)
			if err := b.body(g.GetNode(), in); err != nil {
				return err
			}
			for _, out := range g.GetOutput() {
				v, _ := in.find(out.GetName())
				n.in = append(n.in, v)
			}
		}
	}
	return nil
}

// bodyInputs connects the inputs of a body to what its owner feeds them in the first turn: Loop gives the
// body a count and a condition before its carried values, Scan and SequenceMap pass their inputs in order.
func (b *builder) bodyInputs(n *node, g *onnxpb.GraphProto, in *scope) {
	for i, vi := range g.GetInput() {
		enter := &node{proto: n.proto, op: fmt.Sprintf("%s input %d", n.op, i), where: in.where}
		if i < len(n.proto.GetInput()) && (n.op != "Loop" || i >= 2) {
			enter.in, enter.shift = []*value{n.in[i]}, i
			n.in[i] = nil // the body reads it, not its owner
		}
		b.nodes = append(b.nodes, enter)
		v := &value{from: enter}
		enter.out = []*value{v}
		in.values[vi.GetName()] = v
		for slot, w := range enter.in {
			if w != nil {
				w.readers = append(w.readers, reader{enter, slot})
			}
		}
	}
}

// madeBy is the node that computes a value if it is one of an operator, else nil.
func (v *value) madeBy(op string) *node {
	if v == nil || v.from == nil || v.from.op != op {
		return nil
	}
	return v.from
}

// markLive marks the nodes whose data reaches an output; the rest (dead nodes, shape arithmetic) says
// nothing about which weight is which.
func (b *builder) markLive() {
	var stack []*node
	push := func(v *value) {
		if v != nil && v.from != nil && !v.from.live {
			v.from.live = true
			stack = append(stack, v.from)
		}
	}
	for _, v := range b.outputs {
		push(v)
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for slot, v := range n.in {
			if carriesData(n, slot) {
				push(v)
			}
		}
	}
}

// site is where the constant that a node reads at a slot enters: the slot itself, the node that looks at
// the constant first, or the function call that hands it in.
func (r reader) site(c *constant) onnx.Site {
	if c.entry != nil {
		return *c.entry
	}
	return onnx.Site{Node: r.node.proto, Input: r.slot + r.node.shift}
}

// qualified is a node's operator type with its domain, unless that is ONNX's own.
func qualified(p *onnxpb.NodeProto) string {
	if d := p.GetDomain(); d != "" && d != "ai.onnx" {
		return d + "." + p.GetOpType()
	}
	return p.GetOpType()
}

// opsetOf is the version that a file imports of a domain, 0 when it imports none.
func opsetOf(imports []*onnxpb.OperatorSetIdProto, domain string) int64 {
	if domain == "ai.onnx" {
		domain = ""
	}
	for _, o := range imports {
		if d := o.GetDomain(); d == domain || domain == "" && d == "ai.onnx" {
			return o.GetVersion()
		}
	}
	return 0
}
