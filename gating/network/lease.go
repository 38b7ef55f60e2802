package network

import G "gorgonia.org/gorgonia"

// Gradients of activations and weights take as much memory as the activations,
// and each is read by one or two ops only. So they have no memory of their own:
// an op leases a buffer when it runs, and the last of its readers gives it back.

// gradientPool is the buffers of one program's gradients.
type gradientPool struct {
	free   [][]float32
	leases []*lease
	ready  bool // leases know all their readers
}

// lease is one gradient's claim on a buffer of the pool.
type lease struct {
	pool    *gradientPool
	size    int
	readers int  // ops that read the gradient
	waiting int  // of these, not run yet in this step
	kept    bool // something else reads it too: the buffer stays the gradient's own
	buffer  []float32
}

// lease makes a claim on size elements.
func (p *gradientPool) lease(size int) *lease {
	l := &lease{pool: p, size: size}
	p.leases = append(p.leases, l)
	return l
}

// start is called before every step: what an interrupted step left comes back.
func (p *gradientPool) start(g *G.ExprGraph) {
	if !p.ready {
		p.keepForeign(g)
		p.ready = true
	}
	for _, l := range p.leases {
		l.giveBack()
	}
}

// keepForeign finds gradients that Gorgonia's own ops read, such as its sums, or
// that nothing reads: nobody says when those are done with.
func (p *gradientPool) keepForeign(g *G.ExprGraph) {
	for _, n := range g.AllNodes() {
		op, ok := n.Op().(*VectorOp)
		if !ok || op.lease == nil {
			continue
		}
		readers := g.To(n.ID())
		op.lease.kept = readers.Len() == 0
		for readers.Next() {
			if _, ours := readers.Node().(*G.Node).Op().(*VectorOp); !ours {
				op.lease.kept = true
			}
		}
	}
}

// take returns the gradient's buffer for this step, of size elements.
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
	if l.buffer != nil && !l.kept {
		l.pool.free = append(l.pool.free, l.buffer)
		l.buffer = nil
	}
	l.waiting = 0
}

// borrow takes the smallest free buffer that is large enough; where none is, the
// largest free one is dropped for a larger one.
func (p *gradientPool) borrow(size int) []float32 {
	best := -1
	for i, b := range p.free {
		if best < 0 || better(len(b), len(p.free[best]), size) {
			best = i
		}
	}
	if best < 0 {
		return make([]float32, size)
	}
	b := p.free[best]
	p.free[best] = p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	if len(b) < size {
		b = make([]float32, size)
	}
	return b
}
