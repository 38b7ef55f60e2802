package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// function returns the model-local function that a node calls, or nil.
func (l *lowerer) function(n *onnxpb.NodeProto) *onnxpb.FunctionProto {
	for _, f := range l.model.Proto().GetFunctions() {
		if f.GetName() == n.GetOpType() && f.GetOverload() == n.GetOverload() &&
			onnx.Domain(f.GetDomain()) == onnx.Domain(n.GetDomain()) {
			return f
		}
	}
	return nil
}

// inlineFunction lowers a function's body in place of the call.
func (l *lowerer) inlineFunction(f *onnxpb.FunctionProto, c *op.Call, in []*ir.Value, p place) error {
	body := newScope(nil, nil, nil)
	for i, name := range f.GetInput() {
		if c.Has(i) {
			body.values[name] = in[i]
		}
	}
	body.attrs = map[string]*onnxpb.AttributeProto{}
	for _, a := range f.GetAttributeProto() {
		body.attrs[a.GetName()] = a
	}
	for _, a := range c.Node.GetAttribute() {
		body.attrs[a.GetName()] = a
	}
	dropAbsent(f, body)
	ops := opsetsOf(f.GetOpsetImport())
	for d, v := range l.modelOpsets() {
		if _, ok := ops[d]; !ok {
			ops[d] = v
		}
	}
	if err := l.nodes(f.GetNode(), f.GetOutput(), place{body, ops, p.depth + 1}); err != nil {
		return fmt.Errorf("in function %s: %w", f.GetName(), err)
	}
	return l.bindOutputs(c, f.GetOutput(), body, p.scope)
}

// dropAbsent binds the optional inputs that a call leaves out, so that the body's nodes see them as absent.
func dropAbsent(f *onnxpb.FunctionProto, body *scope) {
	for _, name := range f.GetInput() {
		if _, ok := body.values[name]; !ok {
			body.values[name] = ir.Absent
		}
	}
}

// bindOutputs gives a call's outputs the values of the body that was inlined for it.
func (l *lowerer) bindOutputs(c *op.Call, names []string, body, s *scope) error {
	for i, out := range c.Node.GetOutput() {
		if out == "" {
			continue
		}
		if i >= len(names) {
			return c.ShapeError("it names %d outputs, its body has %d", len(c.Node.GetOutput()), len(names))
		}
		v, err := l.lookup(names[i], body)
		if err != nil {
			return err
		}
		if v == nil {
			return fmt.Errorf("node %q (%s): nothing in its body computes output %q: %w", c.Name,
				c.Op(), names[i], onnx.ErrInvalid)
		}
		s.values[out] = v
	}
	return nil
}

func outputNames(g *onnxpb.GraphProto) []string {
	names := make([]string, len(g.GetOutput()))
	for i, o := range g.GetOutput() {
		names[i] = o.GetName()
	}
	return names
}
