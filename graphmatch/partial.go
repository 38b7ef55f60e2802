package graphmatch

import (
	"container/heap"
	"math"
)

// The weight of each kind of evidence that two layers of different networks stand for each other. A pair
// needs worth enough: either a name, or the same surroundings and a fitting shape.
const (
	worthName       = 8.0 // the same name, given by an author
	worthShape      = 4.0 // equal shapes of all parameters
	worthSide       = 5.0 // everything upstream (or downstream) equal, shapes included
	worthSideOps    = 2.5 // the same without shapes
	worthRing       = 1.0 // neighbours equal to a distance of one, two, three layers
	worthNeighbour  = 2.0 // a pair of neighbours is paired already
	worthEnough     = 5.0
	penaltyDistance = 1.0 // for lying at opposite ends of the networks
)

// pairPartly pairs layers of networks that differ in structure: candidates of one kind are rated by all
// evidence, the best are paired first, and each pair is evidence for its neighbours.
func pairPartly(a, b *view) pairing {
	sa, sb := newSurroundings(a), newSurroundings(b)
	q := &queue{dynamic: map[couple]float64{}}
	for i, na := range sa.layers {
		for j, nb := range sb.layers {
			if na.op != nb.op {
				continue
			}
			score := sa.rate(sb, na, nb) - penaltyDistance*math.Abs(sa.place(i)-sb.place(j))
			q.offer(couple{na, nb}, score, i, j)
		}
	}
	return q.run()
}

// surroundings holds the signatures of one network's layers.
type surroundings struct {
	layers []*cnode // of the skeleton
	signs  []sign
}

// sign is one signature of all layers and what agreement in it is worth.
type sign struct {
	of    colours
	worth float64
}

// newSurroundings computes all signatures of a view. Layers of the whole graph and of the skeleton are
// matched through their units.
func newSurroundings(v *view) *surroundings {
	skeleton := layersOnly(v.graph)
	s := &surroundings{}
	for _, n := range skeleton.nodes {
		if n.unit != nil {
			s.layers = append(s.layers, n)
		}
	}
	shapes, ops := skeleton.labels(true), skeleton.labels(false)
	s.signs = []sign{
		{skeleton.upstream(shapes), worthSide}, {skeleton.downstream(shapes), worthSide},
		{skeleton.upstream(ops), worthSideOps}, {skeleton.downstream(ops), worthSideOps},
	}
	ring := ops
	for range 3 {
		ring = skeleton.round(ring)
		s.signs = append(s.signs, sign{ring, worthRing})
	}
	return s
}

// rate is the worth of all evidence that two layers are counterparts.
func (s *surroundings) rate(t *surroundings, a, b *cnode) float64 {
	score := 0.0
	if name := a.unit.givenName(); name != "" && name == b.unit.givenName() {
		score += worthName
	}
	if a.shape == b.shape {
		score += worthShape
	}
	for i, sign := range s.signs {
		if sign.of[a] == t.signs[i].of[b] {
			score += sign.worth
		}
	}
	return score
}

// place is a layer's relative position, 0 to 1.
func (s *surroundings) place(i int) float64 { return float64(i) / float64(max(1, len(s.layers)-1)) }

// couple is a candidate pair.
type couple struct{ a, b *cnode }

// candidate is a couple with its rating at the time it was queued.
type candidate struct {
	couple
	static, score float64
	i, j          int
}

// queue holds candidates, the best first; ties go to canonical order.
type queue struct {
	list    []*candidate
	all     map[couple]*candidate
	dynamic map[couple]float64
}

func (q *queue) Len() int      { return len(q.list) }
func (q *queue) Swap(i, j int) { q.list[i], q.list[j] = q.list[j], q.list[i] }
func (q *queue) Push(x any)    { q.list = append(q.list, x.(*candidate)) }

// Less orders by score, then by canonical order.
func (q *queue) Less(i, j int) bool {
	x, y := q.list[i], q.list[j]
	if x.score != y.score {
		return x.score > y.score
	}
	if x.i != y.i {
		return x.i < y.i
	}
	return x.j < y.j
}

// Pop removes the last candidate.
func (q *queue) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}

// offer adds a candidate.
func (q *queue) offer(c couple, score float64, i, j int) {
	if q.all == nil {
		q.all = map[couple]*candidate{}
	}
	x := &candidate{couple: c, static: score, score: score, i: i, j: j}
	q.all[c] = x
	q.list = append(q.list, x)
}

// run takes the best candidates one after another.
func (q *queue) run() pairing {
	heap.Init(q)
	pairs, taken := pairing{}, map[*cnode]bool{}
	for q.Len() > 0 {
		x := heap.Pop(q).(*candidate)
		if taken[x.a] || taken[x.b] || x.score < x.static+q.dynamic[x.couple] || x.score < worthEnough {
			continue
		}
		taken[x.a], taken[x.b] = true, true
		pairs[x.a.unit] = x.b.unit
		q.encourage(x.a.in, x.b.in, taken)
		q.encourage(x.a.out, x.b.out, taken)
	}
	return pairs
}

// encourage raises the neighbours of a pair.
func (q *queue) encourage(as, bs []edge, taken map[*cnode]bool) {
	for _, a := range as {
		for _, b := range bs {
			c := couple{a.node, b.node}
			known := q.all[c]
			if known == nil || taken[a.node] || taken[b.node] {
				continue
			}
			q.dynamic[c] += worthNeighbour
			heap.Push(q, &candidate{couple: c, static: known.static, score: known.static + q.dynamic[c], i: known.i, j: known.j})
		}
	}
}
