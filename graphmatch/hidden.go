package graphmatch

import "slices"

// hidden is a set of hidden units that one permutation may reorder: the output channels of a layer and of
// all layers whose outputs are added to them. Sets found to be one are joined (union-find by parent).
type hidden struct {
	parent *hidden
	size   int
	frozen bool      // the order is given from outside
	parts  []*hidden // consecutive independent subsets, once an operator tells them apart
	heads  int       // number of equal blocks that only move as a whole, their inside being free; 0 for none
	block  *blocks   // the order of the heads, shared with other sets
	rigid  bool      // units keep their places within the heads
	number int       // place in symmetry.sets
}

// blocks is the order of attention heads, shared by queries, keys and values.
type blocks struct {
	parent *blocks
	frozen bool
}

// root is the set that h has been joined to.
func (h *hidden) root() *hidden {
	for h.parent != nil {
		h = h.parent
	}
	return h
}

// root is the order that b has been joined to.
func (b *blocks) root() *blocks {
	for b.parent != nil {
		b = b.parent
	}
	return b
}

// movable tells whether a set may be reordered at all.
func (h *hidden) movable() bool {
	return !h.frozen && h.size > 1 && !(h.rigid && h.block.root().frozen)
}

// freeze fixes the order of a set.
func (h *hidden) freeze() {
	h = h.root()
	h.frozen = true
	if h.block != nil {
		h.block.root().frozen = true
	}
	for _, p := range h.parts {
		p.freeze()
	}
}

// join makes two sets one; sets that cannot be are frozen.
func (h *hidden) join(g *hidden) {
	h, g = h.root(), g.root()
	if h == g {
		return
	}
	if h.size != g.size || !h.sameForm(g) {
		h.freeze()
		g.freeze()
		return
	}
	for i := range h.parts {
		h.parts[i].join(g.parts[i])
	}
	if h.block != nil {
		h.block.join(g.block)
	}
	g.parent = h
	h.rigid = h.rigid || g.rigid
	if g.frozen {
		h.freeze()
	}
}

// sameForm gives two sets the same parts and heads if it can.
func (h *hidden) sameForm(g *hidden) bool {
	switch {
	case len(h.parts) > 0 && len(g.parts) == 0:
		return g.split(sizes(h.parts))
	case len(g.parts) > 0 && len(h.parts) == 0:
		return h.split(sizes(g.parts))
	case len(h.parts) > 0:
		return slices.Equal(sizes(h.parts), sizes(g.parts))
	case h.heads > 0 && g.heads == 0:
		return g.cut(h.heads)
	case g.heads > 0 && h.heads == 0:
		return h.cut(g.heads)
	}
	return h.heads == g.heads
}

func sizes(list []*hidden) (s []int) {
	for _, h := range list {
		s = append(s, h.root().size)
	}
	return s
}

// split divides a set into consecutive subsets; false if it is divided otherwise already.
func (h *hidden) split(sizes []int) bool {
	h = h.root()
	total := 0
	for _, s := range sizes {
		total += s
	}
	if h.heads > 0 || total != h.size {
		return false
	}
	if len(h.parts) > 0 {
		return slices.EqualFunc(h.parts, sizes, func(p *hidden, s int) bool { return p.root().size == s })
	}
	for _, s := range sizes {
		h.parts = append(h.parts, &hidden{size: s, frozen: h.frozen})
	}
	return true
}

// cut makes a set one of heads; false if it is divided otherwise already.
func (h *hidden) cut(heads int) bool {
	h = h.root()
	if h.heads == heads {
		return true
	}
	if h.heads > 0 || len(h.parts) > 0 || heads <= 0 || h.size%heads != 0 {
		return false
	}
	h.heads, h.block = heads, &blocks{frozen: h.frozen}
	return true
}

// join makes two orders of heads one.
func (b *blocks) join(c *blocks) {
	b, c = b.root(), c.root()
	if b != c {
		c.parent = b
		b.frozen = b.frozen || c.frozen
	}
}

// leaves are the sets that a set consists of.
func (h *hidden) leaves() []*hidden {
	h = h.root()
	if len(h.parts) == 0 {
		return []*hidden{h}
	}
	var list []*hidden
	for _, p := range h.parts {
		list = append(list, p.leaves()...)
	}
	return list
}
