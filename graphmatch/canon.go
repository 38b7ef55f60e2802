package graphmatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// canon is the graph that signatures are computed on: layers as single nodes, layout changes and scalar
// constants gone. Its nodes are in an order that follows from the structure alone (inputs before readers,
// outputs visited in order, input slots in order), so that neither names nor the file's order matter.
type canon struct {
	nodes []*cnode
}

// cnode is one node of a canonical graph.
type cnode struct {
	op      string // what the node does
	shape   string // shapes of its parameters
	unit    *unit
	in      []edge
	out     []edge
	ordered bool // whether the order of inputs matters
}

// edge leads to another node: for inputs the producer and its output number, for outputs the reader and
// its input slot.
type edge struct {
	node *cnode
	port int
}

// newCanon builds the canonical graph of a view.
func newCanon(v *view) *canon {
	b := &canonBuilder{units: map[*unit]*cnode{}, made: map[*value]edge{}}
	for i, in := range v.inputs {
		b.made[in] = edge{node: &cnode{op: fmt.Sprintf("input %d", i)}}
	}
	for _, n := range v.nodes {
		if n.live {
			b.add(n)
		}
	}
	g := &canon{}
	for i, out := range v.outputs {
		end := &cnode{op: fmt.Sprintf("output %d", i), ordered: true}
		b.connect(end, out)
		g.collect(end)
	}
	g.linkOutputs()
	return g
}

type canonBuilder struct {
	units map[*unit]*cnode
	made  map[*value]edge // where each value comes from
}

// add enters one node of the flow.
func (b *canonBuilder) add(n *node) {
	if n.unit != nil && len(n.unit.params) > 0 {
		c := b.units[n.unit]
		if c == nil {
			c = b.addUnit(n.unit)
		}
		for _, out := range n.out {
			b.made[out] = edge{c, out.port}
		}
		return
	}
	if passing[n.op] && len(n.in) > 0 && n.in[0] != nil {
		for _, out := range n.out {
			b.made[out] = b.made[n.in[0]]
		}
		return
	}
	c := &cnode{op: n.op + n.attributes(), ordered: !commutative[n.op]}
	for slot, in := range n.in {
		if in == nil || !carriesData(n, slot) {
			continue
		}
		if in.fixed != nil && c.ordered {
			c.op += fmt.Sprintf(" c%d", slot)
		}
		b.connect(c, in)
	}
	for _, out := range n.out {
		b.made[out] = edge{c, out.port}
	}
}

// addUnit enters a layer as one node.
func (b *canonBuilder) addUnit(u *unit) *cnode {
	c := &cnode{op: u.kind + u.anchor.attributes(), shape: u.shapes(), unit: u, ordered: true}
	if u.kind != u.anchor.op {
		c.op = u.kind
	}
	b.units[u] = c
	for _, in := range u.data {
		b.connect(c, in)
	}
	return c
}

// connect gives a node an input; constants and unknown values add none.
func (b *canonBuilder) connect(c *cnode, v *value) {
	if e, ok := b.made[v]; ok && e.node != nil {
		c.in = append(c.in, e)
	}
}

// collect appends the nodes that an end needs, inputs before readers.
func (g *canon) collect(end *cnode) {
	seen := map[*cnode]bool{}
	for _, c := range g.nodes {
		seen[c] = true
	}
	type frame struct {
		c    *cnode
		next int
	}
	stack := []frame{{c: end}}
	seen[end] = true
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next == len(f.c.in) {
			g.nodes = append(g.nodes, f.c)
			stack = stack[:len(stack)-1]
			continue
		}
		child := f.c.in[f.next].node
		f.next++
		if !seen[child] {
			seen[child] = true
			stack = append(stack, frame{c: child})
		}
	}
}

// linkOutputs fills in the readers of every node.
func (g *canon) linkOutputs() {
	for _, c := range g.nodes {
		for slot, e := range c.in {
			if !c.ordered {
				slot = 0
			}
			e.node.out = append(e.node.out, edge{c, slot})
		}
	}
}

// attributes are those attributes of a node that tell it from others of its operator.
func (n *node) attributes() string {
	var s strings.Builder
	for _, name := range slices.Sorted(maps.Keys(telling[n.op])) {
		fmt.Fprintf(&s, " %s=%d", name, intAttr(n.proto, name, telling[n.op][name]))
	}
	for _, name := range tellingLists[n.op] {
		if list := intsAttr(n.proto, name); slices.ContainsFunc(list, func(i int64) bool { return i != 1 }) {
			fmt.Fprintf(&s, " %s=%v", name, list)
		}
	}
	return s.String()
}

// shapes describes a layer's parameters independent of how they are stored.
func (u *unit) shapes() string {
	var s strings.Builder
	for _, p := range u.params {
		fmt.Fprintf(&s, "%s%v ", p.role, u.canonicalShape(p))
	}
	return s.String()
}

// canonicalShape is a parameter's shape in the layer's own orientation: inputs before outputs for a linear
// layer, and without axes of length one for vectors.
func (u *unit) canonicalShape(p *param) []int {
	shape := p.c.shape
	if p.role == "weight" && u.turned(p) {
		shape = slices.Clone(shape)
		slices.Reverse(shape)
	}
	if vectorRoles[p.role] {
		shape = slices.DeleteFunc(slices.Clone(shape), func(d int) bool { return d == 1 })
	}
	return shape
}

// vectorRoles are parameters that broadcast along all axes but one.
var vectorRoles = map[string]bool{"bias": true, "scale": true, "mean": true, "var": true, "slope": true}

// turned tells whether what the anchor reads is the transposed of a linear layer's own orientation.
func (u *unit) turned(p *param) bool {
	return u.kind == "Linear" && len(p.c.shape) == 2 && intAttr(u.anchor.proto, "transB", 0) != 0
}
