package network

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// bufferPlan assigns buffers to the values of a forward pass so that values
// whose lives do not overlap share one. Floats and integers have buffers of their own.
type bufferPlan struct {
	slots   []*slot
	last    map[*ir.Value]int // index of the last node that reads a root value
	ending  map[int][]*slot
	placed  []placement
	outputs map[*ir.Value]bool
}

// slot is one buffer, as large as the largest value that passes through it.
type slot struct {
	size  int
	float bool
	free  bool
}

type placement struct {
	t *op.Tensor
	s *slot
}

// newBufferPlan plans for a graph whose nodes run in order; what is kept is not overwritten.
func newBufferPlan(g *ir.Graph, kept []ir.Output) *bufferPlan {
	p := &bufferPlan{last: map[*ir.Value]int{}, ending: map[int][]*slot{}, outputs: map[*ir.Value]bool{}}
	for i, n := range g.Nodes {
		for _, v := range n.In {
			if v != nil {
				p.last[v.Root()] = i
			}
		}
	}
	for _, o := range kept {
		p.outputs[o.Value.Root()] = true
	}
	return p
}

// place gives the value a slot: the smallest free one that is large enough,
// else the largest free one, grown, else a new one.
func (p *bufferPlan) place(v *ir.Value, t *op.Tensor) {
	n, float := v.Spec.Len(), v.Spec.IsFloat()
	var best *slot
	for _, s := range p.slots {
		if !s.free || s.float != float {
			continue
		}
		if best == nil || better(s.size, best.size, n) {
			best = s
		}
	}
	if best == nil {
		best = &slot{float: float}
		p.slots = append(p.slots, best)
	}
	best.size, best.free = max(best.size, n), false
	p.placed = append(p.placed, placement{t, best})
	if !p.outputs[v] {
		if last, ok := p.last[v]; ok {
			p.ending[last] = append(p.ending[last], best)
		}
	}
}

// better says whether a buffer of size a suits n elements better than one of size b.
func better(a, b, n int) bool {
	if a >= n && b >= n {
		return a < b
	}
	return a > b
}

// release frees the slots of the values that node i reads last.
func (p *bufferPlan) release(i int) {
	for _, s := range p.ending[i] {
		s.free = true
	}
}

// allocate makes the buffers, once their final sizes are known.
func (p *bufferPlan) allocate() {
	floats, ints := map[*slot][]float32{}, map[*slot][]int64{}
	for _, s := range p.slots {
		if s.float {
			floats[s] = make([]float32, s.size)
		} else {
			ints[s] = make([]int64, s.size)
		}
	}
	for _, pl := range p.placed {
		n := pl.t.Len()
		if pl.s.float {
			pl.t.F = floats[pl.s][:n:n]
		} else {
			pl.t.I = ints[pl.s][:n:n]
		}
	}
}
