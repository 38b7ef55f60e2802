package pairing

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// drawn is a graph by numbers: the operator of each node, whether the order of its inputs matters, and its inputs.
type drawn struct {
	ops     []string
	ordered []bool
	in      [][]int
}

// draw makes a random graph without cycles of few operators, so that many nodes look alike.
func draw(g *random.Generator, n int) drawn {
	d := drawn{}
	for i := range n {
		op := "ab"[g.IntN(2)]
		d.ops, d.ordered = append(d.ops, string(op)), append(d.ordered, op == 'a') // as Sub and Add
		var in []int
		for range g.IntN(3) {
			if i > 0 {
				in = append(in, g.IntN(i))
			}
		}
		d.in = append(d.in, in)
	}
	return d
}

// canonical builds the graph with its nodes in an order that has inputs before readers.
func (d drawn) canonical() *flow.Canonical {
	c := &flow.Canonical{}
	for i, op := range d.ops {
		n := &flow.CanonicalNode{Op: op, Ordered: d.ordered[i]}
		for _, from := range d.in[i] {
			n.In = append(n.In, flow.Edge{Node: c.Nodes[from]})
		}
		c.Nodes = append(c.Nodes, n)
	}
	c.LinkOutputs()
	return c
}

// renumbered is the same graph with its nodes in another order, inputs still before readers, and the inputs of nodes
// that do not order them exchanged.
func (d drawn) renumbered(g *random.Generator) drawn {
	place := make([]int, len(d.ops))
	var order []int
	done := map[int]bool{}
	for len(order) < len(d.ops) {
		i := g.IntN(len(d.ops))
		if !done[i] && !slices.ContainsFunc(d.in[i], func(from int) bool { return !done[from] }) {
			done[i], place[i] = true, len(order)
			order = append(order, i)
		}
	}
	out := drawn{}
	for _, i := range order {
		var in []int
		for _, from := range d.in[i] {
			in = append(in, place[from])
		}
		if !d.ordered[i] {
			g.Shuffle(len(in), func(a, b int) { in[a], in[b] = in[b], in[a] })
		}
		out.ops, out.ordered, out.in = append(out.ops, d.ops[i]), append(out.ordered, d.ordered[i]), append(out.in, in)
	}
	return out
}

// isomorphic tries all ways to map one graph to another.
func isomorphic(a, b drawn) bool {
	if len(a.ops) != len(b.ops) {
		return false
	}
	to := make([]int, 0, len(a.ops))
	var try func() bool
	try = func() bool {
		i := len(to)
		if i == len(a.ops) {
			return true
		}
		for k := range b.ops {
			if slices.Contains(to, k) || a.ops[i] != b.ops[k] || a.ordered[i] != b.ordered[k] ||
				!sameInputs(a, b, i, k, to) {
				continue
			}
			to = append(to, k)
			if try() {
				return true
			}
			to = to[:i]
		}
		return false
	}
	return try()
}

// sameInputs tells whether a map takes the inputs of node i of a to those of node k of b.
func sameInputs(a, b drawn, i, k int, to []int) bool {
	var x []int
	for _, from := range a.in[i] {
		x = append(x, to[from])
	}
	y := slices.Clone(b.in[k])
	if !a.ordered[i] {
		slices.Sort(x)
		slices.Sort(y)
	}
	return slices.Equal(x, y)
}

// signed refines two graphs and tells whether they have as many nodes of every signature.
func signed(a, b drawn) bool {
	t := &ties{a: a.canonical(), b: b.canonical()}
	t.ca, t.cb = refineBoth(t.a, t.b, labels(t.a, true), labels(t.b, true))
	return t.balanced()
}

// Signatures depend on the structure alone, and tell small graphs apart that are different.
func TestSignaturesAgainstIsomorphism(t *testing.T) {
	same, other := 0, 0
	for seed := range uint64(3000) {
		g := random.New(seed, 1)
		a := draw(g, 2+g.IntN(5))
		if !signed(a, a.renumbered(g)) {
			t.Fatalf("seed %d: %v renumbered has other signatures", seed, a)
		}
		b := draw(g, len(a.ops))
		if isomorphic(a, b) {
			same++
			if !signed(a, b) {
				t.Fatalf("seed %d: %v and %v are one graph and have other signatures", seed, a, b)
			}
			continue
		}
		other++
		if signed(a, b) {
			t.Fatalf("seed %d: %v and %v are different and have the same signatures", seed, a, b)
		}
	}
	if same < 50 || other < 1000 {
		t.Errorf("%d pairs of one graph, %d of different ones", same, other)
	}
}

// Each signature of a node stands for what it says: what is upstream does not see what is downstream.
func TestDirections(t *testing.T) {
	chain := func(ops string) *flow.Canonical {
		d := drawn{}
		for i, op := range ops {
			d.ops, d.ordered, d.in = append(d.ops, string(op)), append(d.ordered, true), append(d.in, nil)
			if i > 0 {
				d.in[i] = []int{i - 1}
			}
		}
		return d.canonical()
	}
	a, b := chain("xyz"), chain("xyw")
	up, down := signUpstream(a, labels(a, true)), signDownstream(a, labels(a, true))
	upB, downB := signUpstream(b, labels(b, true)), signDownstream(b, labels(b, true))
	for i, want := range []bool{true, true, false} {
		if got := up[a.Nodes[i]] == upB[b.Nodes[i]]; got != want {
			t.Errorf("upstream of node %d: same %v, want %v", i, got, want)
		}
		if down[a.Nodes[i]] == downB[b.Nodes[i]] {
			t.Errorf("downstream of node %d is the same", i)
		}
	}
	one, two := round(a, labels(a, true)), round(b, labels(b, true))
	if one[a.Nodes[0]] != two[b.Nodes[0]] || one[a.Nodes[1]] == two[b.Nodes[1]] {
		t.Error("a round of refinement sees exactly the neighbours")
	}
}

// The skeleton of a graph has its layers, each reading the nearest layers upstream.
func TestSkeleton(t *testing.T) {
	for seed := range uint64(300) {
		g := random.New(seed, 2)
		d := draw(g, 3+g.IntN(10))
		c := d.canonical()
		for i, n := range c.Nodes {
			if n.Op = fmt.Sprint(i); g.IntN(2) == 0 {
				n.Unit = &flow.Unit{}
			}
		}
		kept := func(i int) bool { n := c.Nodes[i]; return n.Unit != nil || len(n.In) == 0 || len(n.Out) == 0 }
		var nearest func(i int, found map[string]bool)
		nearest = func(i int, found map[string]bool) {
			for _, from := range d.in[i] {
				if kept(from) {
					found[c.Nodes[from].Op] = true
				} else {
					nearest(from, found)
				}
			}
		}
		s := skeleton(c, func(*flow.CanonicalNode) bool { return false })
		at := map[string]*flow.CanonicalNode{}
		for _, n := range s.Nodes {
			at[n.Op] = n
		}
		for i := range c.Nodes {
			n := at[fmt.Sprint(i)]
			if (n != nil) != kept(i) {
				t.Fatalf("seed %d: node %d is kept: %v", seed, i, n != nil)
			}
			if n == nil {
				continue
			}
			want := map[string]bool{}
			nearest(i, want)
			got := map[string]bool{}
			for _, e := range n.In {
				got[e.Node.Op] = true
			}
			if len(n.In) != len(got) || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: node %d reads %v, want %v", seed, i, got, want)
			}
		}
	}
}

// Different strings and numbers give different hashes, whatever their order.
func TestHashes(t *testing.T) {
	seen := map[uint64]string{}
	note := func(h uint64, what string) {
		if other, ok := seen[h]; ok {
			t.Fatalf("%s and %s have one hash", what, other)
		}
		seen[h] = what
	}
	for i := range uint64(60) {
		note(hashString(fmt.Sprint(i)), fmt.Sprint("string ", i))
		for k := range uint64(60) {
			note(mix(1, i, k), fmt.Sprint(i, " ", k))
		}
	}
}
