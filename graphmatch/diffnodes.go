package graphmatch

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// listing is a model's nodes in the order of the file, with who makes and who reads each value.
type listing struct {
	model *onnx.Model
	nodes []*listed
	of    map[*onnxpb.NodeProto]*listed
	made  map[string]supply // by place and name
}

// listed is one node.
type listed struct {
	proto   *onnxpb.NodeProto
	place   string
	outer   []string // places around it, innermost first, its own included
	from    []supply // of each input
	readers []readerOf
	pair    *listed
	side    int // 0 for a, 1 for b
	index   int
}

// supply is where a value comes from.
type supply struct {
	node *listed // nil for a graph's inputs, constants and nothing
	port int
	text string // for people, when node is nil
}

// constantText describes an initializer as a supply.
const constantText = "constant"

// readerOf is an input slot of a node, or an output of the graph.
type readerOf struct {
	node *listed // nil for the graph's outputs
	slot int
}

// newListing lists a model's nodes.
func newListing(side int, m *onnx.Model) *listing {
	l := &listing{model: m, of: map[*onnxpb.NodeProto]*listed{}, made: map[string]supply{}}
	g := m.Proto().GetGraph()
	for i, in := range g.GetInput() {
		l.made["graph\x00"+in.GetName()] = supply{text: "input " + strconv.Itoa(i)}
	}
	for _, t := range g.GetInitializer() {
		l.made["graph\x00"+t.GetName()] = supply{text: constantText}
	}
	m.Walk(func(p onnx.Place, n *onnxpb.NodeProto) error {
		x := &listed{proto: n, place: p.String(), side: side, index: len(l.nodes)}
		for at := &p; at != nil; at = at.Outer {
			x.outer = append(x.outer, at.String())
		}
		l.nodes = append(l.nodes, x)
		l.of[n] = x
		for port, name := range n.GetOutput() {
			if name != "" {
				l.made[x.place+"\x00"+name] = supply{node: x, port: port}
			}
		}
		return nil
	})
	l.connect()
	return l
}

// connect finds where every input comes from, in any order of nodes.
func (l *listing) connect() {
	for _, x := range l.nodes {
		for slot, name := range x.proto.GetInput() {
			o := l.find(x, name)
			x.from = append(x.from, o)
			if o.node != nil {
				o.node.readers = append(o.node.readers, readerOf{x, slot})
			}
		}
	}
	for i, out := range l.model.Proto().GetGraph().GetOutput() {
		if o := l.made["graph\x00"+out.GetName()]; o.node != nil {
			o.node.readers = append(o.node.readers, readerOf{nil, i})
		}
	}
}

// find resolves a name that a node reads. A constant behind an Identity, as exporters write it for equal
// tensors, is a constant.
func (l *listing) find(x *listed, name string) supply {
	o := l.lookUp(x, name)
	at := o
	for range flow.MaxDepth {
		if at.node == nil || at.node.proto.GetOpType() != "Identity" || len(at.node.proto.GetInput()) != 1 {
			break
		}
		if at = l.lookUp(at.node, at.node.proto.GetInput()[0]); at.text == constantText {
			return at
		}
	}
	return o
}

// lookUp finds who makes a name that a node reads.
func (l *listing) lookUp(x *listed, name string) supply {
	if name == "" {
		return supply{text: "nothing"}
	}
	for _, place := range x.outer {
		if o, ok := l.made[place+"\x00"+name]; ok {
			return o
		}
	}
	return supply{text: "outside"}
}

// nodePairs finds which node of one model stands for which of another.
type nodePairs struct {
	a, b    *listing
	weights map[*onnxpb.TensorProto]bool // compared as tensors of layers
}

// newNodePairs starts with the nodes of the layers that are aligned.
func newNodePairs(al *Alignment) *nodePairs {
	a, b := newListing(0, al.Models[0]), newListing(1, al.Models[1])
	p := &nodePairs{a: a, b: b, weights: map[*onnxpb.TensorProto]bool{}}
	for i := range al.Layers {
		for _, param := range al.Layers[i].Params {
			p.weights[param.Uses[0].Tensor], p.weights[param.Uses[1].Tensor] = true, true
		}
		r := al.Layers[i].row
		if r[0] == nil || r[1] == nil {
			continue
		}
		p.match(p.a.of[r[0].Anchor.Proto], p.b.of[r[1].Anchor.Proto])
		byOp := map[string][]*listed{}
		for _, n := range r[1].Members {
			byOp[n.Op] = append(byOp[n.Op], p.b.of[n.Proto])
		}
		for _, n := range r[0].Members {
			if list := byOp[n.Op]; len(list) > 0 {
				p.match(p.a.of[n.Proto], list[0])
				byOp[n.Op] = list[1:]
			}
		}
	}
	return p
}

// match pairs two nodes of one operator, unless one is paired.
func (p *nodePairs) match(x, y *listed) bool {
	if x == nil || y == nil || x.pair != nil || y.pair != nil || onnx.OpLabel(x.proto) != onnx.OpLabel(y.proto) {
		return false
	}
	x.pair, y.pair = y, x
	return true
}

// rounds is how often signatures are computed anew from the pairs found: each round carries pairs along
// whole chains in both directions.
const rounds = 4

// pair pairs the remaining nodes: by name, by the name of the first output, then by what is around them.
func (p *nodePairs) pair() {
	p.by(func(x *listed) string { return x.proto.GetName() })
	p.by(func(x *listed) string { return strings.Join(x.proto.GetOutput(), "\x00") })
	for range rounds {
		up := [2]map[*listed]string{upstream(p.a), upstream(p.b)}
		down := [2]map[*listed]string{downstream(p.a), downstream(p.b)}
		p.bySigns(func(side int, x *listed) string { return up[side][x] + down[side][x] })
		p.bySigns(func(side int, x *listed) string { return up[side][x] })
		p.bySigns(func(side int, x *listed) string { return down[side][x] })
	}
}

// constants says which constant of b is read where a reads one of another name: by name.
func (p *nodePairs) constants() map[string]string {
	m := map[string]string{}
	for _, x := range p.a.nodes {
		if x.pair == nil {
			continue
		}
		for slot := range min(len(x.from), len(x.pair.from)) {
			if x.from[slot].text == constantText && x.pair.from[slot].text == constantText {
				m[x.proto.GetInput()[slot]] = x.pair.proto.GetInput()[slot]
			}
		}
	}
	return m
}

// by pairs nodes of one place and operator with equal keys; an empty key is none.
func (p *nodePairs) by(key func(*listed) string) {
	p.bySigns(func(_ int, x *listed) string {
		if key(x) == "" {
			return ""
		}
		return x.place + "\x00" + onnx.OpLabel(x.proto) + "\x00" + key(x)
	})
}

// bySigns pairs nodes with equal signatures, those of one signature in order.
func (p *nodePairs) bySigns(sign func(side int, x *listed) string) {
	free := map[string][]*listed{}
	for _, y := range p.b.nodes {
		if s := sign(1, y); y.pair == nil && s != "" {
			free[s] = append(free[s], y)
		}
	}
	for _, x := range p.a.nodes {
		if x.pair != nil {
			continue
		}
		s := sign(0, x)
		if list := free[s]; len(list) > 0 && p.match(x, list[0]) {
			free[s] = list[1:]
		}
	}
}

// upstream signs every node by its operator and what it reads. A paired node is signed as its pair.
func upstream(l *listing) map[*listed]string {
	signs := map[*listed]string{}
	for _, x := range l.nodes {
		parts := []string{"up", x.place, onnx.OpLabel(x.proto)}
		for _, o := range x.from {
			parts = append(parts, o.text)
			if o.node != nil {
				parts = append(parts, o.node.sign(signs), strconv.Itoa(o.port))
			}
		}
		signs[x] = digest(parts)
	}
	return signs
}

// downstream signs every node by its operator and what reads it.
func downstream(l *listing) map[*listed]string {
	signs := map[*listed]string{}
	for _, x := range slices.Backward(l.nodes) {
		parts := []string{}
		for _, r := range x.readers {
			reader := "output"
			if r.node != nil {
				reader = r.node.sign(signs)
			}
			parts = append(parts, reader+" "+strconv.Itoa(r.slot))
		}
		slices.Sort(parts)
		signs[x] = digest(append(parts, "down", x.place, onnx.OpLabel(x.proto)))
	}
	return signs
}

// sign is a node's signature as others see it: of a pair, the number that a's node has in its file.
func (x *listed) sign(signs map[*listed]string) string {
	switch {
	case x.pair == nil:
		return signs[x]
	case x.side == 0:
		return "pair " + strconv.Itoa(x.index)
	}
	return "pair " + strconv.Itoa(x.pair.index)
}

func digest(parts []string) string {
	h := fnv.New128a()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return string(h.Sum(nil))
}
