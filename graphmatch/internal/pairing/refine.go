package pairing

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// colours gives every node of a canonical graph a signature; equal signatures mean that refinement finds
// no difference between the nodes.
type colours map[*flow.CanonicalNode]uint64

// mix folds numbers into a hash (the multiply-xorshift steps of SplitMix64).
func mix(h uint64, parts ...uint64) uint64 {
	for _, p := range parts {
		h ^= p + 0x9e3779b97f4a7c15 + h<<6 + h>>2
		h ^= h >> 30
		h *= 0xbf58476d1ce4e5b9
		h ^= h >> 27
		h *= 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// hashString is a hash of a string by mix.
func hashString(s string) uint64 {
	h := uint64(len(s))
	for i := range len(s) {
		h = mix(h, uint64(s[i]))
	}
	return h
}

// labels are the signatures of nodes by themselves: the operator, and the shapes if asked for.
func labels(g *flow.Canonical, shapes bool) colours {
	c := make(colours, len(g.Nodes))
	known := map[string]uint64{}
	for _, n := range g.Nodes {
		s := n.Op
		if shapes {
			s += "|" + n.Shape
		}
		h, ok := known[s]
		if !ok {
			h = hashString(s)
			known[s] = h
		}
		c[n] = h
	}
	return c
}

// signUpstream signs every node with all that it is computed from.
func signUpstream(g *flow.Canonical, label colours) colours {
	up := make(colours, len(g.Nodes))
	for _, n := range g.Nodes {
		up[n] = mix(label[n], sources(n, up)...)
	}
	return up
}

// signDownstream signs every node with all that is computed from it.
func signDownstream(g *flow.Canonical, label colours) colours {
	down := make(colours, len(g.Nodes))
	for _, n := range slices.Backward(g.Nodes) {
		down[n] = mix(label[n], readers(n, down)...)
	}
	return down
}

// sources are the signatures of a node's inputs, sorted when their order does not matter.
func sources(n *flow.CanonicalNode, c colours) []uint64 {
	list := make([]uint64, len(n.In))
	for i, e := range n.In {
		list[i] = mix(c[e.Node], uint64(e.Port))
	}
	if !n.Ordered {
		slices.Sort(list)
	}
	return list
}

// readers are the signatures of a node's readers, sorted.
func readers(n *flow.CanonicalNode, c colours) []uint64 {
	list := make([]uint64, len(n.Out))
	for i, e := range n.Out {
		list[i] = mix(c[e.Node], uint64(e.Port)+1)
	}
	slices.Sort(list)
	return list
}

// round refines signatures once by those of the neighbours.
func round(g *flow.Canonical, c colours) colours {
	next := make(colours, len(g.Nodes))
	for _, n := range g.Nodes {
		h := mix(c[n], sources(n, c)...)
		next[n] = mix(mix(h, 1), readers(n, c)...)
	}
	return next
}

// refineBoth makes the signatures of two graphs stable: two passes that see everything upstream and
// downstream, then rounds over the neighbours (Weisfeiler and Leman's refinement) until none tells more
// nodes apart. Both graphs go through the same rounds, so equal signatures keep their meaning.
func refineBoth(a, b *flow.Canonical, ca, cb colours) (colours, colours) {
	ca, cb = bothWays(a, ca), bothWays(b, cb)
	for classes := distinct(ca, cb); ; {
		na, nb := round(a, ca), round(b, cb)
		n := distinct(na, nb)
		if n <= classes {
			return ca, cb
		}
		ca, cb, classes = na, nb, n
	}
}

// bothWays signs every node with all that is upstream and downstream of it.
func bothWays(g *flow.Canonical, label colours) colours {
	up, down := signUpstream(g, label), signDownstream(g, label)
	c := make(colours, len(g.Nodes))
	for _, n := range g.Nodes {
		c[n] = mix(up[n], down[n])
	}
	return c
}

// distinct is the number of different signatures in two graphs together.
func distinct(a, b colours) int {
	seen := make(map[uint64]struct{}, len(a))
	for _, h := range a {
		seen[h] = struct{}{}
	}
	for _, h := range b {
		seen[h] = struct{}{}
	}
	return len(seen)
}
