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
	for i, f := range list {
		label := functionLabel(f)
		if f.GetName() == "" {
			c.bad("", "a function has no name")
		}
		if _, twice := c.functions[label]; twice {
			c.bad("", "function %s is defined twice", label)
		}
		c.functions[label] = i
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

// recursion reports a function that calls itself, directly or not.
func (c *checker) recursion() {
	list := c.m.proto.GetFunctions()
	calls := newDependencies(len(list))
	for i, f := range list {
		_ = walkPlace(&Place{Function: f}, func(_ Place, n *onnxpb.NodeProto) error {
			if j, ok := c.functions[callLabel(n)]; ok {
				calls.add(i, j)
			}
			return nil
		})
	}
	if _, i := calls.sort(); i >= 0 {
		c.bad("", "function %s calls itself or a function that does", functionLabel(list[i]))
	}
}

// callLabel is the label of the function a node calls if there is one.
func callLabel(n *onnxpb.NodeProto) string {
	return functionLabel(&onnxpb.FunctionProto{Domain: n.Domain, Name: n.OpType, Overload: n.Overload})
}
