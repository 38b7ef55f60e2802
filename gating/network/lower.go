package network

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/expand"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Config says how to lower a model.
type Config struct {
	Shapes  map[string][]int      // concrete shape of each graph input, batch axis included
	Values  map[string]*op.Tensor // graph inputs whose elements are known now and can be folded
	Outputs []string              // names of the outputs wanted; empty means all of the graph's
	Params  []ir.Param            // weights to replace by mixtures
	Fixed   []ir.Fixed            // weights to read as a number instead of the file's elements
	// Read keeps the initializers that are read, for further lowerings of the same
	// model, which share their memory; nil keeps none.
	Read map[*onnxpb.TensorProto]*op.Tensor
	// Affine names BatchNormalization nodes whose scale and bias inputs already
	// hold the whole affine map (s and t of y = s*x + t): their mean and variance are not read.
	Affine map[*onnxpb.NodeProto]bool
	// Statistics names BatchNormalization nodes that are to normalise by each
	// batch's own statistics and collect them.
	Statistics map[*onnxpb.NodeProto]*reduction.Statistics
	// Rebatch says how many times more samples the graph is given than it was exported for, where it was for a fixed
	// number: the first dimension of shapes that Reshape nodes carry grows with them, and so do constants that Concat
	// joins with the data. 0 and 1 leave all as it is.
	Rebatch int
	Workers *kernel.Workers // for folding
	// bound on the memory of one tensor, and of all that are computed while lowering; 0 for 8 GiB
	MaxBytes int64
	MaxNodes int // bound on nodes once functions and loops are expanded, 0 for a million
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
	graph  *ir.Graph
	sites  map[onnx.Site]*ir.Value
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
	l := &lowerer{Config: c, model: m, graph: &ir.Graph{Params: c.Params}, sites: map[onnx.Site]*ir.Value{}}
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
		if v.Spec.Type == onnx.Undefined {
			return nil, fmt.Errorf("output %q is no tensor: %w", name, op.ErrUnsupported)
		}
		l.graph.Outputs = append(l.graph.Outputs, ir.Output{Name: name, Spec: v.Spec, Value: v})
	}
	l.graph.Prune()
	return &Graph{l.graph}, nil
}

// bindParams makes one value of each mixture and fixed weight and notes the sites that read it.
func (l *lowerer) bindParams() {
	for i, p := range l.Params {
		v := &ir.Value{Spec: op.Spec{Type: cmp.Or(p.Type, onnx.Float32), Shape: p.Shape},
			Param: i, Gated: true, Grad: true}
		for _, site := range p.Sites {
			l.sites[site] = v
		}
	}
	for _, f := range l.Fixed {
		v := &ir.Value{Spec: f.Spec, Known: op.NewTensor(f.Spec), Param: -1}
		for i := range v.Known.F {
			v.Known.F[i] = f.Number
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
			s.values[name] = &ir.Value{Spec: t.Spec(), Known: t, Param: -1}
			continue
		}
		t := in.GetType().GetTensorType()
		if t == nil {
			s.values[name] = &ir.Value{Param: -1, Input: name, Spec: op.Spec{Type: onnx.Undefined}}
			continue
		}
		dt := onnx.DataType(t.GetElemType())
		shape, ok := l.Shapes[name]
		if !ok {
			if shape, ok = fixedShape(t.GetShape()); !ok {
				return fmt.Errorf("input %q: no concrete shape given: %w", name, op.ErrShape)
			}
		}
		if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
			return fmt.Errorf("input %q has element type %s: %w", name, dt, op.ErrUnsupported)
		}
		v := &ir.Value{Spec: op.Spec{Type: dt, Shape: slices.Clone(shape)}, Param: -1, Input: name, Fed: true}
		s.values[name] = v
		l.graph.Inputs = append(l.graph.Inputs, v)
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
		return fmt.Errorf("the graph has more than %d nodes once its functions and loops are expanded: %w", l.MaxNodes,
			onnx.ErrInvalid)
	}
	// some exporters leave nodes out of order, and ONNX Runtime takes those files too
	list, err := onnx.Order(lastConstants(list))
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

// lastConstants leaves out every Constant whose output a later one gives again: tools that change constants append the
// new ones, and ONNX Runtime takes those.
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
	c := &op.Call{
		Node: n, Name: op.Title(n), Opset: p.ops[onnx.Domain(n.GetDomain())], In: inputsOf(in), Outs: len(n.GetOutput()),
		Env: l, Rebatch: l.Rebatch,
	}
	if f := l.function(n); f != nil && table.Find(n, c.Opset) == nil {
		return l.inlineFunction(f, c, in, p)
	}
	at := &expand.Call{Call: c, Values: in, Lower: &placed{p, l, c}}
	if expand := expand.Of(at); expand != nil {
		return guarded(expand, at)
	}
	for i, v := range in {
		if v != nil && v.Spec.Type == onnx.Undefined {
			return c.Unsupported("input %d is a sequence or another value that is no tensor", i)
		}
	}
	if l.Affine[s.origin(n)] {
		return l.add(c, in, reduction.BuildScaleShift, op.Full, s)
	}
	if st := l.Statistics[s.origin(n)]; st != nil {
		return l.add(c, in, st.Build, op.None, s)
	}
	e := table.FindOrOldest(n, c.Opset)
	if e == nil {
		return op.Unknown(c)
	}
	if err := table.CheckInputs(c); err != nil {
		return err
	}
	return l.add(c, in, e.Build, e.Grad, s)
}

// inputs looks up what a node reads: mixtures by site first, then values by name.
func (l *lowerer) inputs(n *onnxpb.NodeProto, s *scope) ([]*ir.Value, error) {
	list := make([]*ir.Value, len(n.GetInput()))
	for i, name := range n.GetInput() {
		v := l.sites[onnx.Site{Node: n, Input: i}]
		if v == nil && name != "" {
			var err error
			if v, err = l.lookup(name, s); err != nil {
				return nil, err
			}
			if v == nil {
				return nil, fmt.Errorf("node %q (%s): input %d is %q, which nothing computes: %w",
					op.Title(n), onnx.OpLabel(n), i, name, onnx.ErrInvalid)
			}
		}
		if v != ir.Absent {
			list[i] = v
		}
	}
	return list, nil
}

// inputsOf is what builders see of the values that a node reads.
func inputsOf(values []*ir.Value) []*op.Input {
	list := make([]*op.Input, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		list[i] = &op.Input{Spec: v.Spec, Const: v.Known, Fed: v.Fed}
		if n := v.Root().Node; n != nil && len(n.In) > 0 && n.In[0] != nil {
			list[i].Origin = op.Origin{Op: n.Op, Shape: n.In[0].Spec.Shape}
		}
	}
	return list
}

// add builds a node's operator and folds it, or appends it to the graph.
func (l *lowerer) add(c *op.Call, in []*ir.Value, build op.Builder, kind op.Gradient, s *scope) (err error) {
	defer recoverAt(c, &err)
	operator, specs, err := build(c)
	if err != nil {
		return err
	}
	if len(specs) < len(c.Node.GetOutput()) {
		return c.Unsupported("it names %d outputs, %d are computed", len(c.Node.GetOutput()), len(specs))
	}
	if known, ok := operator.(op.Constant); ok {
		return l.bindKnown(c, known.Outs, s)
	}
	for _, spec := range specs {
		if err := l.CheckSize(c, spec); err != nil {
			return err
		}
	}
	if v, ok := operator.(op.View); ok {
		return l.bindView(c, in[v.Input], specs[0], s)
	}
	if t, ok := knownInputs(c.In); ok {
		outs := make([]*op.Tensor, len(specs))
		for i := range specs {
			if err := l.Spend(c, specs[i]); err != nil {
				return err
			}
			outs[i] = op.NewTensor(specs[i])
		}
		if err := operator.Forward(&op.Context{Workers: l.Workers}, t, outs); err != nil {
			return c.ShapeError("%v", err)
		}
		return l.bindKnown(c, outs, s)
	}
	l.append(c, in, operator, specs, kind, s)
	return nil
}

// CheckSize refuses a tensor larger than memory allows, before it is made.
func (l *lowerer) CheckSize(c *op.Call, s op.Spec) error {
	bytes := int64(8)
	for _, d := range s.Shape {
		if d < 0 {
			return c.ShapeError("an output would have shape %v", s.Shape)
		}
		if d > 0 && bytes > l.MaxBytes/int64(d) {
			return c.ShapeError("an output of shape %v would take more than the limit of %d bytes", s.Shape, l.MaxBytes)
		}
		bytes *= int64(d)
	}
	return nil
}

// Spend counts the memory of a tensor that is computed now. A short file can ask for many.
func (l *lowerer) Spend(c *op.Call, s op.Spec) error {
	if err := l.CheckSize(c, s); err != nil {
		return err
	}
	if l.folded += 8 * int64(s.Len()); l.folded > l.MaxBytes {
		return c.ShapeError("what is known before the graph runs would take more than the limit of %d bytes",
			l.MaxBytes)
	}
	return nil
}

// bindKnown names the outputs of a node whose elements are known.
func (l *lowerer) bindKnown(c *op.Call, outs []*op.Tensor, s *scope) error {
	for i, name := range c.Node.GetOutput() {
		if name != "" {
			s.values[name] = &ir.Value{Spec: outs[i].Spec(), Known: outs[i], Param: -1}
		}
	}
	return nil
}

// bindView names an output that is one of the node's inputs under another spec.
func (l *lowerer) bindView(c *op.Call, from *ir.Value, spec op.Spec, s *scope) error {
	v := &ir.Value{Spec: spec, Param: -1, View: from, Fed: from.Fed, Gated: from.Gated, Grad: from.Grad}
	if from.Known != nil {
		v = &ir.Value{Spec: spec, Param: -1, Known: from.Known.Reshaped(spec)}
	}
	if name := c.Node.GetOutput()[0]; name != "" {
		s.values[name] = v
	}
	return nil
}

// append adds a node to the graph and names its outputs.
func (l *lowerer) append(c *op.Call, in []*ir.Value, operator op.Operator,
	specs []op.Spec, kind op.Gradient, s *scope) {
	n := &ir.Node{Name: c.Name, Op: c.Op(), Run: operator, Zero: kind == op.Zero, Out: make([]*ir.Value, len(specs))}
	fed, gated, grad := false, false, false
	for _, v := range in {
		if v != nil {
			fed, gated, grad = fed || v.Fed, gated || v.Gated, grad || v.Grad
		}
		n.In = append(n.In, v)
	}
	for i, spec := range specs {
		n.Out[i] = &ir.Value{Spec: spec, Param: -1, Node: n, Out: i, Fed: fed, Gated: gated,
			Grad: grad && !n.Zero && spec.IsFloat()}
		if i < len(c.Node.GetOutput()) && c.Node.GetOutput()[i] != "" {
			s.values[c.Node.GetOutput()[i]] = n.Out[i]
		}
	}
	l.graph.Nodes = append(l.graph.Nodes, n)
}

// knownInputs returns the inputs' elements if all of them are known.
func knownInputs(in []*op.Input) ([]*op.Tensor, bool) {
	list := make([]*op.Tensor, len(in))
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
func guarded(expand expand.Expansion, c *expand.Call) (err error) {
	defer recoverAt(c.Call, &err)
	return expand(c)
}

// recoverAt turns a panic of an operator into an error at its node: the last
// guard between a hostile graph and the user, for what the builders did not foresee.
func recoverAt(c *op.Call, err *error) {
	if r := recover(); r != nil {
		*err = c.ShapeError("internal check failed: %v", r)
	}
}
