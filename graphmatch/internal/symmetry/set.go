package symmetry

import (
	"slices"
)

// Set is a set of hidden units that one permutation may reorder: the output channels of a layer and of
// all layers whose outputs are added to them. Sets found to be one are joined (union-find by parent).
type Set struct {
	parent    *Set
	Size      int
	frozen    bool       // the order is given from outside
	parts     []*Set     // consecutive independent subsets, once an operator tells them apart
	Heads     int        // number of equal blocks that only move as a whole, their inside being free; 0 for none
	HeadOrder *HeadOrder // the order of the heads, shared with other sets
	Rigid     bool       // units keep their places within the heads
	number    int        // place in symmetry.sets
}

// HeadOrder is the order of attention heads, shared by queries, keys and values.
type HeadOrder struct {
	parent *HeadOrder
	Frozen bool
}

// root is the set that h has been joined to.
func (h *Set) root() *Set {
	for h.parent != nil {
		h = h.parent
	}
	return h
}

// Root is the order that b has been joined to.
func (b *HeadOrder) Root() *HeadOrder {
	for b.parent != nil {
		b = b.parent
	}
	return b
}

// movable tells whether a set may be reordered at all.
func (h *Set) movable() bool {
	return !h.frozen && h.Size > 1 && !(h.Rigid && h.HeadOrder.Root().Frozen)
}

// freeze fixes the order of a set.
func (h *Set) freeze() {
	h = h.root()
	h.frozen = true
	if h.HeadOrder != nil {
		h.HeadOrder.Root().Frozen = true
	}
	for _, p := range h.parts {
		p.freeze()
	}
}

// join makes two sets one; sets that cannot be are frozen.
func (h *Set) join(g *Set) {
	h, g = h.root(), g.root()
	if h == g {
		return
	}
	if h.Size != g.Size || !h.sameForm(g) {
		h.freeze()
		g.freeze()
		return
	}
	for i := range h.parts {
		h.parts[i].join(g.parts[i])
	}
	if h.HeadOrder != nil {
		h.HeadOrder.join(g.HeadOrder)
	}
	g.parent = h
	h.Rigid = h.Rigid || g.Rigid
	if g.frozen {
		h.freeze()
	}
}

// sameForm gives two sets the same parts and heads if it can.
func (h *Set) sameForm(g *Set) bool {
	switch {
	case len(h.parts) > 0 && len(g.parts) == 0:
		return g.split(sizes(h.parts))
	case len(g.parts) > 0 && len(h.parts) == 0:
		return h.split(sizes(g.parts))
	case len(h.parts) > 0:
		return slices.Equal(sizes(h.parts), sizes(g.parts))
	case h.Heads > 0 && g.Heads == 0:
		return g.cut(h.Heads)
	case g.Heads > 0 && h.Heads == 0:
		return h.cut(g.Heads)
	}
	return h.Heads == g.Heads
}

func sizes(list []*Set) (s []int) {
	for _, h := range list {
		s = append(s, h.root().Size)
	}
	return s
}

// split divides a set into consecutive subsets; false if it is divided otherwise already.
func (h *Set) split(sizes []int) bool {
	h = h.root()
	total := 0
	for _, s := range sizes {
		total += s
	}
	if h.Heads > 0 || total != h.Size {
		return false
	}
	if len(h.parts) > 0 {
		return slices.EqualFunc(h.parts, sizes, func(p *Set, s int) bool { return p.root().Size == s })
	}
	for _, s := range sizes {
		h.parts = append(h.parts, &Set{Size: s, frozen: h.frozen})
	}
	return true
}

// cut makes a set one of heads; false if it is divided otherwise already.
func (h *Set) cut(heads int) bool {
	h = h.root()
	if h.Heads == heads {
		return true
	}
	if h.Heads > 0 || len(h.parts) > 0 || heads <= 0 || h.Size%heads != 0 {
		return false
	}
	h.Heads, h.HeadOrder = heads, &HeadOrder{Frozen: h.frozen}
	return true
}

// join makes two orders of heads one.
func (b *HeadOrder) join(c *HeadOrder) {
	b, c = b.Root(), c.Root()
	if b != c {
		c.parent = b
		b.Frozen = b.Frozen || c.Frozen
	}
}

// leaves are the sets that a set consists of.
func (h *Set) leaves() []*Set {
	h = h.root()
	if len(h.parts) == 0 {
		return []*Set{h}
	}
	var list []*Set
	for _, p := range h.parts {
		list = append(list, p.leaves()...)
	}
	return list
}
