package tape

import G "gorgonia.org/gorgonia"

// Mixed weights, activations and gradients are each read by a few ops only. So
// they have no memory of their own: an op leases a buffer when it runs, and the
// last of its readers gives it back.

// pool is the buffers of one program.
type pool struct {
	free   [][]float32
	leases []*lease
	ready  bool // leases know their readers
}

// lease is one value's claim on a buffer of the pool.
type lease struct {
	pool    *pool
	size    int
	readers int  // ops that have to run before the buffer can be handed on; 0 keeps it
	waiting int  // of these, not run yet in this step
	kept    bool // whatever the readers are, the buffer stays
	buffer  []float32
}

// lease makes a claim on size elements.
func (p *pool) lease(size int) *lease {
	l := &lease{pool: p, size: size}
	p.leases = append(p.leases, l)
	return l
}

// start is called before every step: what an interrupted step left comes back.
func (p *pool) start(g *G.ExprGraph) {
	if !p.ready {
		findReaders(g)
		p.ready = true
	}
	for _, l := range p.leases {
		l.giveBack()
	}
}

// findReaders tells every op which leases it reads. Gorgonia's own ops, the sums
// of gradients, do not say when they have run, and may work in place: whoever
// reads their result has to be done with it first.
func findReaders(g *G.ExprGraph) {
	for _, n := range g.AllNodes() {
		o, ok := n.Op().(*operation)
		if !ok || o.lease == nil || o.lease.kept {
			continue
		}
		readers := map[*operation]bool{}
		if !addReaders(g, n, readers) {
			continue
		}
		o.lease.readers = len(readers)
		for r := range readers {
			r.reads = append(r.reads, o.lease)
		}
	}
}

// addReaders adds the ops that read n, or what Gorgonia's ops make of it; false
// if something has no reader: that is a result of the expression.
func addReaders(g *G.ExprGraph, n *G.Node, readers map[*operation]bool) bool {
	nodes := g.To(n.ID())
	if nodes.Len() == 0 {
		return false
	}
	for nodes.Next() {
		reader := nodes.Node().(*G.Node)
		if o, ours := reader.Op().(*operation); ours {
			readers[o] = true
		} else if !addReaders(g, reader, readers) {
			return false
		}
	}
	return true
}

// take returns the value's buffer for this step, of size elements.
func (l *lease) take() []float32 {
	if l.buffer == nil {
		l.buffer = l.pool.borrow(l.size)
	}
	l.waiting = l.readers
	return l.buffer[:l.size]
}

// done says that one reader has run.
func (l *lease) done() {
	if l.waiting--; l.waiting == 0 {
		l.giveBack()
	}
}

func (l *lease) giveBack() {
	if l.buffer != nil && l.readers > 0 {
		l.pool.free = append(l.pool.free, l.buffer)
		l.buffer = nil
	}
	l.waiting = 0
}

// borrow takes the smallest free buffer, the one freed last where there are
// several (it may be in the cache), that is large enough and not much too
// large: a bias that holds an activation's buffer to the end of the step would
// make the pool grow by another one.
func (p *pool) borrow(size int) []float32 {
	best := -1
	for i, b := range p.free {
		if fits := len(b) >= size && len(b) <= 2*size; fits && (best < 0 || len(b) <= len(p.free[best])) {
			best = i
		}
	}
	if best < 0 {
		return make([]float32, size)
	}
	b := p.free[best]
	p.free[best] = p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return b
}
