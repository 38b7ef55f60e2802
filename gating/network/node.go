package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/expand"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// node lowers one node: inlined, folded, or appended to the graph.
func (l *lowerer) node(n *onnxpb.NodeProto, p place) error {
	s := p.scope
	in, err := l.inputs(n, s)
	if err != nil {
		return err
	}
	n = s.resolve(n)
	c := &op.Call{
		Node: n, Name: op.Title(n), Opset: p.ops[onnx.Domain(n.GetDomain())], In: inputsOf(in),
		Outs: len(n.GetOutput()),
		Env:  l, Rebatch: l.Rebatch,
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

// guarded runs an expansion; a panic becomes an error at its node.
func guarded(f expand.Expansion, c *expand.Call) (err error) {
	defer recoverAt(c.Call, &err)
	return f(c)
}

// recoverAt turns a panic of an operator into an error at its node: the last
// guard between a hostile graph and the user, for what the builders did not foresee.
func recoverAt(c *op.Call, err *error) {
	if r := recover(); r != nil {
		*err = c.ShapeError("internal check failed: %v", r)
	}
}
