package onnx

import (
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// functionIndex checks that functions have unique names and notes them.
func (c *checker) functionIndex() {
	list := c.m.proto.GetFunctions()
	if ir := c.m.proto.GetIrVersion(); len(list) > 0 && ir < 8 {
		c.minor("", "has functions, which IR version %d does not know", ir)
	}
	for _, f := range list {
		label := functionLabel(f)
		if f.GetName() == "" {
			c.bad("", "a function has no name")
		}
		if c.functions[label] != nil {
			c.bad("", "function %s is defined twice", label)
		}
		c.functions[label] = f
	}
}

// function checks one function. Its nodes see its inputs and nothing around.
func (c *checker) function(f *onnxpb.FunctionProto) {
	p := &Place{Function: f}
	c.place = p
	s := newScope(nil, f.GetNode())
	for _, in := range f.GetInput() {
		if s.defined[in] {
			c.bad(in, "is a function input twice")
		}
		s.defined[in] = true
	}
	seen := map[string]bool{}
	attribute := func(name string) {
		if seen[name] {
			c.bad("", "attribute %q is declared twice", name)
		}
		seen[name] = true
	}
	for _, name := range f.GetAttribute() {
		attribute(name)
	}
	for _, a := range f.GetAttributeProto() {
		attribute(a.GetName())
		c.attributeTensors(a)
	}
	c.imports(f.GetOpsetImport())
	c.valueInfo(f.GetValueInfo())
	c.nodes(p, s)
	for _, out := range f.GetOutput() {
		if !s.defined[out] {
			c.bad(out, "function output is not produced by any node")
		}
	}
}

// called returns the model's function that a node calls, nil if it is an
// operator.
func (c *checker) called(n *onnxpb.NodeProto) *onnxpb.FunctionProto {
	if len(c.functions) == 0 {
		return nil
	}
	return c.functions[functionLabel(&onnxpb.FunctionProto{Domain: n.Domain, Name: n.OpType, Overload: n.Overload})]
}

// recursion reports functions that call themselves, directly or not.
func (c *checker) recursion() {
	const inProgress, done = 1, 2
	state := map[*onnxpb.FunctionProto]int{}
	var visit func(f *onnxpb.FunctionProto)
	visit = func(f *onnxpb.FunctionProto) {
		state[f] = inProgress
		_ = walkPlace(&Place{Function: f}, func(_ Place, n *onnxpb.NodeProto) error {
			g := c.called(n)
			switch {
			case g == nil:
			case state[g] == inProgress:
				c.bad("", "function %s calls itself", functionLabel(g))
			case state[g] == 0:
				visit(g)
			}
			return nil
		})
		state[f] = done
	}
	for _, f := range c.m.proto.GetFunctions() {
		if state[f] == 0 {
			visit(f)
		}
	}
}
