package onnx

import (
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// scope is the names a graph's nodes may read.
type scope struct {
	outer   *scope // of the graphs around it, nil at the top
	defined map[string]bool
	later   map[string]bool // outputs of nodes not reached yet
}

func newScope(outer *scope, nodes []*onnxpb.NodeProto) *scope {
	s := &scope{outer: outer, defined: map[string]bool{}, later: map[string]bool{}}
	for _, n := range nodes {
		for _, out := range n.GetOutput() {
			s.later[out] = true
		}
	}
	return s
}

// find says whether a name is defined here or around, and if not, whether it
// will be.
func (s *scope) find(name string) (defined, later bool) {
	for ; s != nil; s = s.outer {
		if s.defined[name] {
			return true, false
		}
		later = later || s.later[name]
	}
	return false, later
}

// graph checks a graph and everything in it.
func (c *checker) graph(p *Place, outer *scope) {
	defer func(place *Place, node string) { c.place, c.node = place, node }(c.place, c.node)
	c.place, c.node = p, ""
	g, s := p.Graph, newScope(outer, p.Graph.GetNode())
	if g.GetName() == "" {
		c.minor("", "the graph has no name")
	}
	c.inputs(g, s)
	c.initializers(g, s)
	c.valueInfo(g.GetValueInfo())
	c.nodes(p, s)
	c.outputs(g, s)
}

// inputs checks a graph's inputs and defines them.
func (c *checker) inputs(g *onnxpb.GraphProto, s *scope) {
	for i, in := range g.GetInput() {
		name := in.GetName()
		switch {
		case name == "":
			c.bad("", "graph input %d has no name", i)
			continue
		case s.defined[name]:
			c.bad(name, "is a graph input twice")
		}
		c.text(name)
		s.defined[name] = true
		if in.Type == nil && s.outer == nil {
			c.bad(name, "graph input has no type")
		}
		c.valueType(name, in.GetType())
	}
}

// initializers checks a graph's constants and defines them.
func (c *checker) initializers(g *onnxpb.GraphProto, s *scope) {
	seen := map[string]bool{}
	check := func(name string) {
		switch {
		case name == "":
			c.bad("", "an initializer has no name")
		case seen[name]:
			c.bad(name, "is an initializer twice")
		}
		if ir := c.m.proto.GetIrVersion(); ir > 0 && ir < 4 && name != "" && !s.defined[name] {
			c.minor(name, "initializer is not a graph input, which IR version %d asks for", ir)
		}
		c.text(name)
		seen[name] = true
	}
	for _, t := range g.GetInitializer() {
		check(t.GetName())
		c.tensor(t)
	}
	for _, t := range g.GetSparseInitializer() {
		check(t.GetValues().GetName())
		c.sparse(t)
	}
	delete(seen, "")
	for name := range seen {
		s.defined[name] = true
	}
}

// valueInfo checks the types of inner values.
func (c *checker) valueInfo(list []*onnxpb.ValueInfoProto) {
	seen := map[string]bool{}
	for _, v := range list {
		if seen[v.GetName()] {
			c.minor(v.GetName(), "has two entries in value_info")
		}
		seen[v.GetName()] = true
		c.valueType(v.GetName(), v.GetType())
	}
}

// nodes checks nodes in order and defines their outputs.
func (c *checker) nodes(p *Place, s *scope) {
	unsorted := false
	for _, n := range p.Nodes() {
		c.node = NodeLabel(n)
		c.nodeRules(p, n, s, &unsorted)
		for _, out := range n.GetOutput() {
			if out == "" {
				continue
			}
			c.text(out)
			switch {
			case s.defined[out]:
				c.bad(out, "output is defined already")
			default:
				if shadowed, _ := s.outer.find(out); shadowed {
					c.minor(out, "output has the name of a value of the graph around")
				}
			}
			s.defined[out] = true
		}
	}
	c.node = ""
	if !unsorted {
		return
	}
	if _, err := Order(p.Nodes()); err != nil {
		c.fail("", err)
	}
}

// outputs checks that a graph's outputs exist.
func (c *checker) outputs(g *onnxpb.GraphProto, s *scope) {
	if s.outer == nil && len(g.GetOutput()) == 0 {
		c.bad("", "the graph has no outputs")
	}
	seen := map[string]bool{}
	for i, out := range g.GetOutput() {
		name := out.GetName()
		if name == "" {
			c.bad("", "graph output %d has no name", i)
			continue
		}
		if seen[name] {
			c.minor(name, "is a graph output twice")
		}
		seen[name] = true
		if !s.defined[name] {
			if around, _ := s.outer.find(name); around {
				c.minor(name, "output of a subgraph is a value of the graph around")
			} else {
				c.bad(name, "graph output is not produced by any node")
			}
		}
		c.valueType(name, out.GetType())
	}
}
