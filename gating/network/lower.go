package network

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Config says how to lower a model.
type Config struct {
	Shapes  map[string][]int   // concrete shape of each graph input, batch axis included
	Values  map[string]*Tensor // graph inputs whose elements are known now and can be folded
	Outputs []string           // names of the outputs wanted; empty means all of the graph's
	Params  []Param            // weights to replace by mixtures
	Fixed   []Fixed            // weights to read as a number instead of the file's elements
	// Read keeps the initializers that are read, for further lowerings of the same
	// model, which share their memory; nil keeps none.
	Read map[*onnxpb.TensorProto]*Tensor
	// Affine names BatchNormalization nodes whose scale and bias inputs already
	// hold the whole affine map (s and t of y = s*x + t): their mean and variance are not read.
	Affine map[*onnxpb.NodeProto]bool
	// Statistics names BatchNormalization nodes that are to normalise by each
	// batch's own statistics and collect them.
	Statistics map[*onnxpb.NodeProto]*Statistics
	// Stretch says how many times more samples the graph is given than it was exported for, where it was for a fixed
	// number: the first dimension of shapes that Reshape nodes carry grows with them, and so do constants that Concat
	// joins with the data. 0 and 1 leave all as it is.
	Stretch  int
	Workers  *kernel.Workers // for folding
	MaxBytes int64           // bound on the memory of one tensor, and of all that are computed while lowering; 0 for 8 GiB
	MaxNodes int             // bound on nodes once functions and loops are expanded, 0 for a million
}

// Bounds that keep a hostile graph from expanding without end.
const (
	defaultMaxBytes = 8 << 30
	defaultMaxNodes = 1 << 20
	maxDepth        = 64
)

// lowerer carries the state of one Lower call.
type lowerer struct {
	Config
	model  *onnx.Model
	graph  *graphIR
	sites  map[onnx.Site]*value
	count  int   // nodes looked at, inlined ones each time
	folded int64 // bytes of the tensors computed so far
}

// Lower turns a model into a graph over concrete shapes: functions and decided
// conditionals are inlined, everything that depends on no data is computed, dead
// nodes are dropped. Errors are of kind ErrUnsupported (an operator, type or
// data-dependent shape), ErrShape (inputs that do not fit) or onnx.ErrInvalid.
func Lower(m *onnx.Model, c Config) (*Graph, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.MaxNodes == 0 {
		c.MaxNodes = defaultMaxNodes
	}
	l := &lowerer{Config: c, model: m, graph: &graphIR{params: c.Params}, sites: map[onnx.Site]*value{}}
	l.bindParams()
	g := m.Proto().GetGraph()
	s := newScope(nil, g.GetInitializer(), g.GetSparseInitializer())
	if err := l.bindInputs(g, s); err != nil {
		return nil, err
	}
	names := c.Outputs
	if len(names) == 0 {
		for _, o := range g.GetOutput() {
			names = append(names, o.GetName())
		}
	}
	if err := l.nodes(g.GetNode(), names, place{s, l.modelOpsets(), 0}); err != nil {
		return nil, err
	}
	for _, name := range names {
		v, err := l.lookup(name, s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, fmt.Errorf("output %q: no node computes it: %w", name, onnx.ErrInvalid)
		}
		if v.spec.Type == onnx.Undefined {
			return nil, fmt.Errorf("output %q is no tensor: %w", name, ErrUnsupported)
		}
		l.graph.outputs = append(l.graph.outputs, Output{name, v.spec, v})
	}
	l.graph.prune()
	return &Graph{l.graph}, nil
}

// bindParams makes one value of each mixture and fixed weight and notes the sites that read it.
func (l *lowerer) bindParams() {
	for i, p := range l.Params {
		v := &value{spec: Spec{cmp.Or(p.Type, onnx.Float32), p.Shape}, param: i, gated: true, grad: true}
		for _, site := range p.Sites {
			l.sites[site] = v
		}
	}
	for _, f := range l.Fixed {
		v := &value{spec: f.Spec, known: NewTensor(f.Spec), param: -1}
		for i := range v.known.F {
			v.known.F[i] = f.Number
		}
		for _, site := range f.Sites {
			l.sites[site] = v
		}
	}
}

// bindInputs gives every graph input without an initializer its concrete shape or its known elements.
func (l *lowerer) bindInputs(g *onnxpb.GraphProto, s *scope) error {
	for _, in := range g.GetInput() {
		name := in.GetName()
		if _, ok := s.tensors[name]; ok {
			continue
		}
		if t := l.Values[name]; t != nil {
			s.values[name] = &value{spec: t.Spec(), known: t, param: -1}
			continue
		}
		t := in.GetType().GetTensorType()
		if t == nil {
			s.values[name] = &value{param: -1, input: name, spec: Spec{Type: onnx.Undefined}}
			continue
		}
		dt := onnx.DataType(t.GetElemType())
		shape, ok := l.Shapes[name]
		if !ok {
			if shape, ok = fixedShape(t.GetShape()); !ok {
				return fmt.Errorf("input %q: no concrete shape given: %w", name, ErrShape)
			}
		}
		if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
			return fmt.Errorf("input %q has element type %s: %w", name, dt, ErrUnsupported)
		}
		v := &value{spec: Spec{dt, slices.Clone(shape)}, param: -1, input: name, fed: true}
		s.values[name] = v
		l.graph.inputs = append(l.graph.inputs, v)
	}
	return nil
}

// fixedShape returns a declared shape all of whose dimensions are numbers.
func fixedShape(t *onnxpb.TensorShapeProto) ([]int, bool) {
	if t == nil {
		return nil, false
	}
	shape := make([]int, len(t.GetDim()))
	for i, d := range t.GetDim() {
		dv, ok := d.GetValue().(*onnxpb.TensorShapeProto_Dimension_DimValue)
		if !ok || dv.DimValue < 0 {
			return nil, false
		}
		shape[i] = int(dv.DimValue)
	}
	return shape, true
}

// nodes lowers the nodes of one body that the wanted names depend on.
func (l *lowerer) nodes(list []*onnxpb.NodeProto, wanted []string, p place) error {
	if p.depth > maxDepth {
		return fmt.Errorf("subgraphs and functions nest deeper than %d: %w", maxDepth, onnx.ErrInvalid)
	}
	if l.count += len(list); l.count > l.MaxNodes {
		return fmt.Errorf("the graph has more than %d nodes once its functions and loops are expanded: %w", l.MaxNodes, onnx.ErrInvalid)
	}
	list, err := onnx.Order(lastConstants(list)) // some exporters leave nodes out of order, and ONNX Runtime takes those files too
	if err != nil {
		return err
	}
	need := neededNodes(list, wanted)
	for i, n := range list {
		if !need[i] {
			continue
		}
		if err := l.node(n, p); err != nil {
			return err
		}
	}
	return nil
}

// lastConstants leaves out every Constant whose output a later one gives again: tools that change constants append the new
// ones, and ONNX Runtime takes those.
func lastConstants(list []*onnxpb.NodeProto) []*onnxpb.NodeProto {
	last, again := map[string]*onnxpb.NodeProto{}, false
	for _, n := range list {
		if n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 {
			again = again || last[n.GetOutput()[0]] != nil
			last[n.GetOutput()[0]] = n
		}
	}
	if !again {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(n *onnxpb.NodeProto) bool {
		return n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 && last[n.GetOutput()[0]] != n
	})
}

// node lowers one node: inlined, folded, or appended to the graph.
func (l *lowerer) node(n *onnxpb.NodeProto, p place) error {
	s := p.scope
	in, err := l.inputs(n, s)
	if err != nil {
		return err
	}
	n = s.resolve(n)
	c := &call{
		node: n, name: nodeName(n), opset: p.ops[domainOf(n)], in: inputsOf(in), nout: len(n.GetOutput()),
		env: l, rebatch: l.Stretch,
	}
	if f := l.function(n); f != nil && find(n, c.opset) == nil {
		return l.inlineFunction(f, c, in, p)
	}
	at := &site{call: c, values: in, lower: &placed{p, l, c}}
	if expand := expansionOf(at); expand != nil {
		return guarded(expand, at)
	}
	for i, v := range in {
		if v != nil && v.spec.Type == onnx.Undefined {
			return c.unsupported("input %d is a sequence or another value that is no tensor", i)
		}
	}
	if l.Affine[s.origin(n)] {
		return l.add(c, in, buildScaleShift, gradFull, s)
	}
	if st := l.Statistics[s.origin(n)]; st != nil {
		return l.add(c, in, st.build, gradNone, s)
	}
	e := findOrOldest(n, c.opset)
	if e == nil {
		return unknownOperator(c)
	}
	if err := c.checkInputs(); err != nil {
		return err
	}
	return l.add(c, in, e.build, e.grad, s)
}

// inputs looks up what a node reads: mixtures by site first, then values by name.
func (l *lowerer) inputs(n *onnxpb.NodeProto, s *scope) ([]*value, error) {
	list := make([]*value, len(n.GetInput()))
	for i, name := range n.GetInput() {
		v := l.sites[onnx.Site{Node: n, Input: i}]
		if v == nil && name != "" {
			var err error
			if v, err = l.lookup(name, s); err != nil {
				return nil, err
			}
			if v == nil {
				return nil, fmt.Errorf("node %q (%s): input %d is %q, which nothing computes: %w",
					nodeName(n), opName(n), i, name, onnx.ErrInvalid)
			}
		}
		if v != absent {
			list[i] = v
		}
	}
	return list, nil
}

// inputsOf is what builders see of the values that a node reads.
func inputsOf(values []*value) []*input {
	list := make([]*input, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		list[i] = &input{Spec: v.spec, Const: v.known, fed: v.fed}
		if n := v.root().node; n != nil && len(n.in) > 0 && n.in[0] != nil {
			list[i].origin = origin{n.op, n.in[0].spec.Shape}
		}
	}
	return list
}

// add builds a node's operator and folds it, or appends it to the graph.
func (l *lowerer) add(c *call, in []*value, build builder, kind gradientKind, s *scope) (err error) {
	defer recoverAt(c, &err)
	op, specs, err := build(c)
	if err != nil {
		return err
	}
	if len(specs) < len(c.node.GetOutput()) {
		return c.unsupported("it names %d outputs, %d are computed", len(c.node.GetOutput()), len(specs))
	}
	if known, ok := op.(constant); ok {
		return l.bindKnown(c, known.outs, s)
	}
	for _, spec := range specs {
		if err := l.CheckSize(c, spec); err != nil {
			return err
		}
	}
	if v, ok := op.(view); ok {
		return l.bindView(c, in[v.input], specs[0], s)
	}
	if t, ok := knownInputs(c.in); ok {
		outs := make([]*Tensor, len(specs))
		for i := range specs {
			if err := l.Spend(c, specs[i]); err != nil {
				return err
			}
			outs[i] = NewTensor(specs[i])
		}
		if err := op.Forward(&Context{Workers: l.Workers}, t, outs); err != nil {
			return c.shapeError("%v", err)
		}
		return l.bindKnown(c, outs, s)
	}
	l.append(c, in, op, specs, kind, s)
	return nil
}

// CheckSize refuses a tensor larger than memory allows, before it is made.
func (l *lowerer) CheckSize(c *call, s Spec) error {
	bytes := int64(8)
	for _, d := range s.Shape {
		if d < 0 {
			return c.shapeError("an output would have shape %v", s.Shape)
		}
		if d > 0 && bytes > l.MaxBytes/int64(d) {
			return c.shapeError("an output of shape %v would take more than the limit of %d bytes", s.Shape, l.MaxBytes)
		}
		bytes *= int64(d)
	}
	return nil
}

// Spend counts the memory of a tensor that is computed now. A short file can ask for many.
func (l *lowerer) Spend(c *call, s Spec) error {
	if err := l.CheckSize(c, s); err != nil {
		return err
	}
	if l.folded += 8 * int64(s.Len()); l.folded > l.MaxBytes {
		return c.shapeError("what is known before the graph runs would take more than the limit of %d bytes", l.MaxBytes)
	}
	return nil
}

// bindKnown names the outputs of a node whose elements are known.
func (l *lowerer) bindKnown(c *call, outs []*Tensor, s *scope) error {
	for i, name := range c.node.GetOutput() {
		if name != "" {
			s.values[name] = &value{spec: outs[i].Spec(), known: outs[i], param: -1}
		}
	}
	return nil
}

// bindView names an output that is one of the node's inputs under another spec.
func (l *lowerer) bindView(c *call, from *value, spec Spec, s *scope) error {
	v := &value{spec: spec, param: -1, view: from, fed: from.fed, gated: from.gated, grad: from.grad}
	if from.known != nil {
		v = &value{spec: spec, param: -1, known: from.known.reshaped(spec)}
	}
	if name := c.node.GetOutput()[0]; name != "" {
		s.values[name] = v
	}
	return nil
}

// append adds a node to the graph and names its outputs.
func (l *lowerer) append(c *call, in []*value, op Operator, specs []Spec, kind gradientKind, s *scope) {
	n := &node{name: c.name, op: c.op(), run: op, zero: kind == gradZero, out: make([]*value, len(specs))}
	fed, gated, grad := false, false, false
	for _, v := range in {
		if v != nil {
			fed, gated, grad = fed || v.fed, gated || v.gated, grad || v.grad
		}
		n.in = append(n.in, v)
	}
	for i, spec := range specs {
		n.out[i] = &value{spec: spec, param: -1, node: n, out: i, fed: fed, gated: gated, grad: grad && !n.zero && spec.IsFloat()}
		if i < len(c.node.GetOutput()) && c.node.GetOutput()[i] != "" {
			s.values[c.node.GetOutput()[i]] = n.out[i]
		}
	}
	l.graph.nodes = append(l.graph.nodes, n)
}

// knownInputs returns the inputs' elements if all of them are known.
func knownInputs(in []*input) ([]*Tensor, bool) {
	list := make([]*Tensor, len(in))
	for i, v := range in {
		if v == nil {
			continue
		}
		if v.Const == nil {
			return nil, false
		}
		list[i] = v.Const
	}
	return list, true
}

// guarded runs an expansion; a panic becomes an error at its node.
func guarded(expand expansion, c *site) (err error) {
	defer recoverAt(c.call, &err)
	return expand(c)
}

// recoverAt turns a panic of an operator into an error at its node: the last
// guard between a hostile graph and the user, for what the builders did not foresee.
func recoverAt(c *call, err *error) {
	if r := recover(); r != nil {
		*err = c.shapeError("internal check failed: %v", r)
	}
}
