package flow

import (
	"fmt"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// maxNodes bounds the nodes of a flow: local functions are expanded at every call, and a small hostile
// file could ask for more than any memory holds.
const maxNodes = 1 << 18

// MaxDepth bounds subgraphs and function calls within each other.
const MaxDepth = 64

// Graph is a model as a data flow: subgraphs and functions expanded, renaming nodes gone.
type Graph struct {
	Model   *onnx.Model
	Nodes   []*Node // topological order
	inputs  []*Value
	entries []*onnxpb.ValueInfoProto // the inputs as the file declares them
	Outputs []*Value
	Named   map[string]*Value // the main graph's values that depend on data
}

// Node is one operator application.
type Node struct {
	Proto *onnxpb.NodeProto
	Op    string // operator type, with the domain in front unless it is ONNX's own
	Opset int64  // version of the operator's domain where the node is written
	where string // path of enclosing subgraphs and functions, for names
	In    []*Value
	Out   []*Value
	Live  bool
	Unit  *Unit      // the layer that the node belongs to
	shift int        // what to add to a slot to get the input's number in proto
	call  attributes // of the function call around the node, nil in the main graph
}

// Value is one array in the flow.
type Value struct {
	From    *Node // producer; nil for inputs and constants
	port    int   // output number at the producer, or number among the graph's inputs
	Fixed   *Constant
	Readers []Reader
}

// Reader is an input slot of a node.
type Reader struct {
	Node *Node
	Slot int
}

// scope resolves names in a graph or function body.
type scope struct {
	outer  *scope
	values map[string]*Value
	where  string
	depth  int
	opsets []*onnxpb.OperatorSetIdProto
	call   attributes // of the function call around, nil in the main graph
}

// find looks a name up, here and then outside. The value of an optional input that a function's caller
// leaves out is nil, and still known.
func (s *scope) find(name string) (v *Value, known bool) {
	for ; s != nil; s = s.outer {
		if v, known = s.values[name]; known {
			return v, true
		}
	}
	return nil, false
}

// inner is a scope for a subgraph, which sees the names around it.
func (s *scope) inner(where string) *scope {
	in := s.apart(where, s.opsets, s.call)
	in.outer = s
	return in
}

// apart is a scope for a function's body, which sees nothing around it and has operator versions of its own.
func (s *scope) apart(where string, opsets []*onnxpb.OperatorSetIdProto, call attributes) *scope {
	return &scope{
		values: map[string]*Value{}, where: s.where + where + "/", depth: s.depth + 1, opsets: opsets, call: call,
	}
}

// builder makes the flow of one model.
type builder struct {
	*Graph
	functions map[[3]string]*onnxpb.FunctionProto
}

// newGraph reads a model as a data flow. It fails for names that nothing produces and for nesting that no
// real model has.
func newGraph(m *onnx.Model) (*Graph, error) {
	proto := m.Proto()
	b := &builder{Graph: &Graph{Model: m, Named: map[string]*Value{}}, functions: map[[3]string]*onnxpb.FunctionProto{}}
	for _, f := range proto.GetFunctions() {
		b.functions[functionKey(f)] = f
	}
	top := &scope{values: map[string]*Value{}, opsets: proto.GetOpsetImport()}
	g := proto.GetGraph()
	b.initializers(g, top)
	for _, in := range g.GetInput() {
		if _, ok := top.values[in.GetName()]; ok {
			continue // files of IR version 3 list every initializer as an input too
		}
		v := &Value{port: len(b.inputs)}
		b.inputs, b.entries = append(b.inputs, v), append(b.entries, in)
		top.values[in.GetName()] = v
	}
	if err := b.body(g.GetNode(), top); err != nil {
		return nil, err
	}
	for _, out := range g.GetOutput() {
		v, known := top.find(out.GetName())
		if !known {
			return nil, b.invalid("nothing produces output %q", out.GetName())
		}
		b.Outputs = append(b.Outputs, v)
	}
	for name, v := range top.values {
		if v != nil && v.Fixed == nil {
			b.Named[name] = v
		}
	}
	b.markLive()
	return b.Graph, nil
}

// Ends counts the graph's inputs without an initializer, and its outputs.
func (f *Graph) Ends() (inputs, outputs int) { return len(f.inputs), len(f.Outputs) }

// invalid is an error that says what is wrong with the file.
func (b *builder) invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", b.Model.Path(), onnx.ErrInvalid, fmt.Sprintf(format, args...))
}

// initializers enters a graph's stored tensors into its scope.
func (b *builder) initializers(g *onnxpb.GraphProto, s *scope) {
	for _, t := range g.GetInitializer() {
		s.values[t.GetName()] = &Value{Fixed: newConstant(t, t.GetName(), false)}
	}
	for _, t := range g.GetSparseInitializer() {
		c := newConstant(nil, t.GetValues().GetName(), false)
		for _, d := range t.GetDims() {
			c.Shape, c.Axes = append(c.Shape, int(d)), append(c.Axes, -1)
		}
		s.values[c.Name()] = &Value{Fixed: c}
	}
}

// body adds the nodes of a graph or function.
func (b *builder) body(nodes []*onnxpb.NodeProto, s *scope) error {
	if s.depth > MaxDepth {
		return b.invalid("subgraphs or functions nested deeper than %d", MaxDepth)
	}
	for _, p := range inOrder(nodes) {
		if len(b.Nodes) > maxNodes {
			return b.invalid("more than %d nodes once functions are expanded", maxNodes)
		}
		if err := b.node(p, s); err != nil {
			return err
		}
	}
	return nil
}

// node adds one node: a rename, a view of a constant, a function call or an operator.
func (b *builder) node(p *onnxpb.NodeProto, s *scope) error {
	n := &Node{Proto: p, Op: onnx.OpLabel(p), Opset: onnx.OpsetVersion(s.opsets, p.GetDomain()), where: s.where,
		call: s.call}
	for _, name := range p.GetInput() {
		v, known := s.find(name)
		if !known && name != "" {
			return b.invalid("node %q (%s) reads %q, which nothing produces", p.GetName(), n.Op, name)
		}
		n.In = append(n.In, v)
	}
	if v := b.passed(n); v != nil && len(p.GetOutput()) > 0 {
		s.values[p.GetOutput()[0]] = v
		for _, name := range p.GetOutput()[1:] {
			s.values[name] = &Value{} // the mask of a Dropout: no data of the network
		}
		return nil
	}
	if f := b.functions[callKey(p)]; f != nil {
		return b.expand(n, f, s)
	}
	if err := b.subgraphs(n, s); err != nil {
		return err
	}
	b.add(n, s)
	return nil
}

// add appends an operator and enters its outputs into the scope.
func (b *builder) add(n *Node, s *scope) {
	b.Nodes = append(b.Nodes, n)
	for slot, v := range n.In {
		if v != nil {
			v.Readers = append(v.Readers, Reader{n, slot})
		}
	}
	for port, name := range n.Proto.GetOutput() {
		v := &Value{From: n, port: port}
		n.Out = append(n.Out, v)
		if name != "" {
			s.values[name] = v
		}
	}
}

// expand adds the body of a local function. Tensors handed to it enter at the call, which is where an
// edit can give one call another tensor.
func (b *builder) expand(n *Node, f *onnxpb.FunctionProto, s *scope) error {
	in := s.apart(n.Proto.GetName(), f.GetOpsetImport(), callAttributes(f, n))
	for i, name := range f.GetInput() {
		in.values[name] = nil
		if i >= len(n.In) || n.In[i] == nil {
			continue
		}
		v := n.In[i]
		if v.Fixed != nil {
			v = &Value{Fixed: v.Fixed.through(onnx.Site{Node: n.Proto, Input: i})}
		}
		in.values[name] = v
	}
	if err := b.body(f.GetNode(), in); err != nil {
		return err
	}
	for i, name := range f.GetOutput() {
		if i < len(n.Proto.GetOutput()) {
			v, known := in.find(name)
			if !known {
				return b.invalid("function %s does not produce its output %q", f.GetName(), name)
			}
			s.values[n.Proto.GetOutput()[i]] = v
		}
	}
	return nil
}

// subgraphs adds the bodies of If, Loop, Scan and their like; what a body returns becomes further inputs
// of the node that owns it.
func (b *builder) subgraphs(n *Node, s *scope) error {
	for a, g := range onnx.Subgraphs(n.Proto) {
		in := s.inner(n.Proto.GetName() + "/" + a.GetName())
		b.bodyInputs(n, g, in)
		b.initializers(g, in)
		if err := b.body(g.GetNode(), in); err != nil {
			return err
		}
		for _, out := range g.GetOutput() {
			v, _ := in.find(out.GetName())
			n.In = append(n.In, v)
		}
	}
	return nil
}

// bodyInputs connects the inputs of a body to what its owner feeds them in the first turn: Loop gives the
// body a count and a condition before its carried values, Scan and SequenceMap pass their inputs in order.
func (b *builder) bodyInputs(n *Node, g *onnxpb.GraphProto, in *scope) {
	for i, vi := range g.GetInput() {
		enter := &Node{Proto: n.Proto, Op: fmt.Sprintf("%s input %d", n.Op, i), where: in.where}
		if i < len(n.Proto.GetInput()) && (n.Op != "Loop" || i >= 2) {
			enter.In, enter.shift = []*Value{n.In[i]}, i
			n.In[i] = nil // the body reads it, not its owner
		}
		b.Nodes = append(b.Nodes, enter)
		v := &Value{From: enter}
		enter.Out = []*Value{v}
		in.values[vi.GetName()] = v
		for slot, w := range enter.In {
			if w != nil {
				w.Readers = append(w.Readers, Reader{enter, slot})
			}
		}
	}
}

// MadeBy is the node that computes a value if it is one of an operator, else nil.
func (v *Value) MadeBy(op string) *Node {
	if v == nil || v.From == nil || v.From.Op != op {
		return nil
	}
	return v.From
}

// markLive marks the nodes whose data reaches an output; the rest (dead nodes, shape arithmetic) says
// nothing about which weight is which.
func (b *builder) markLive() {
	var stack []*Node
	push := func(v *Value) {
		if v != nil && v.From != nil && !v.From.Live {
			v.From.Live = true
			stack = append(stack, v.From)
		}
	}
	for _, v := range b.Outputs {
		push(v)
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for slot, v := range n.In {
			if carriesData(n, slot) {
				push(v)
			}
		}
	}
}

// Site is where the constant that a node reads at a slot enters: the slot itself, the node that looks at
// the constant first, or the function call that hands it in.
func (r Reader) Site(c *Constant) onnx.Site {
	if c.Entry != nil {
		return *c.Entry
	}
	return onnx.Site{Node: r.Node.Proto, Input: r.Slot + r.Node.shift}
}
