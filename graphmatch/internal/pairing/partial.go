package pairing

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
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

// maxCandidates bounds the counterparts considered for one layer, the best rated ones; maxNeighbours bounds
// the neighbours that a pair speaks for (in a residual network every layer feeds all later ones).
const (
	maxCandidates = 32
	maxNeighbours = 4
)

// pairPartly pairs layers of networks that differ in structure: candidates of one kind are rated by all
// evidence, the best are paired first, and each pair is evidence for its neighbours.
func pairPartly(a, b *flow.Network) Pairs {
	read := layersOnly
	if foldableNorms(a) != foldableNorms(b) {
		read = weightsOnly
	}
	sa, sb := newSurroundings(read(a.Canonical)), newSurroundings(read(b.Canonical))
	q := &queue{all: map[couple]*candidate{}}
	for i, na := range sa.layers {
		var list []*candidate
		for j, nb := range sb.layers {
			if na.Op == nb.Op {
				score := sa.rate(sb, na, nb) - penaltyDistance*math.Abs(sa.place(i)-sb.place(j))
				list = append(list, &candidate{couple: couple{i, j}, score: score})
			}
		}
		slices.SortStableFunc(list, func(x, y *candidate) int { return cmp.Compare(y.score, x.score) })
		for _, x := range list[:min(len(list), maxCandidates)] {
			q.all[x.couple] = x
			q.list = append(q.list, x)
		}
	}
	return q.run(sa, sb).withNorms()
}

// foldableNorms counts the normalisations that an exporter could fold into the layers before them.
func foldableNorms(v *flow.Network) (n int) {
	for _, u := range v.Units {
		if u.Foldable {
			n++
		}
	}
	return n
}

// weightsOnly is the graph of the layers without normalisations that may have been folded, and without the
// biases that folding leaves.
func weightsOnly(g *flow.Canonical) *flow.Canonical {
	s := withoutFoldable(g)
	for _, c := range s.Nodes {
		if c.Unit != nil && c.Unit.Param("weight") != nil {
			c.Shape = fmt.Sprint(c.Unit.CanonicalShape(c.Unit.Param("weight")))
		}
	}
	return s
}

// surroundings holds the signatures of one network's layers.
type surroundings struct {
	layers []*flow.CanonicalNode // of the skeleton
	signs  []sign
	above  [][]int // the nearest layers that feed each
	below  [][]int // the nearest layers that each feeds
}

// sign is one signature of all layers and what agreement in it is worth.
type sign struct {
	of    colours
	worth float64
}

// newSurroundings computes all signatures of a graph of layers alone.
func newSurroundings(g *flow.Canonical) *surroundings {
	s := &surroundings{}
	for _, n := range g.Nodes {
		if n.Unit != nil {
			s.layers = append(s.layers, n)
		}
	}
	s.neighbours()
	shapes, ops := labels(g, true), labels(g, false)
	s.signs = []sign{
		{signUpstream(g, shapes), worthSide}, {signDownstream(g, shapes), worthSide},
		{signUpstream(g, ops), worthSideOps}, {signDownstream(g, ops), worthSideOps},
	}
	ring := ops
	for range 3 {
		ring = round(g, ring)
		s.signs = append(s.signs, sign{ring, worthRing})
	}
	return s
}

// neighbours finds the nearest layers around each.
func (s *surroundings) neighbours() {
	place := map[*flow.CanonicalNode]int{}
	for i, n := range s.layers {
		place[n] = i
	}
	nearest := func(i int, edges []flow.Edge) (list []int) {
		for _, e := range edges {
			if k, ok := place[e.Node]; ok {
				list = append(list, k)
			}
		}
		slices.SortFunc(list, func(x, y int) int { return abs(x-i) - abs(y-i) })
		return list[:min(len(list), maxNeighbours)]
	}
	for i, n := range s.layers {
		s.above, s.below = append(s.above, nearest(i, n.In)), append(s.below, nearest(i, n.Out))
	}
}

func abs(x int) int { return max(x, -x) }

// rate is the worth of all evidence that two layers are counterparts.
func (s *surroundings) rate(t *surroundings, a, b *flow.CanonicalNode) float64 {
	score := 0.0
	if name := a.Unit.GivenName(); name != "" && name == b.Unit.GivenName() {
		score += worthName
	}
	if a.Shape == b.Shape {
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

// couple is a candidate pair: places in the two networks.
type couple struct{ a, b int }

// candidate is a couple with its rating; a rating that has risen is a candidate of its own.
type candidate struct {
	couple
	score float64
}

// queue holds candidates, the best first; ties go to canonical order.
type queue struct {
	list []*candidate
	all  map[couple]*candidate // as last rated
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
	if x.a != y.a {
		return x.a < y.a
	}
	return x.b < y.b
}

// Pop removes the last candidate.
func (q *queue) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}

// run takes the best candidates one after another.
func (q *queue) run(sa, sb *surroundings) Pairs {
	heap.Init(q)
	pairs := Pairs{}
	takenA, takenB := make([]bool, len(sa.layers)), make([]bool, len(sb.layers))
	for q.Len() > 0 {
		x := heap.Pop(q).(*candidate)
		if takenA[x.a] || takenB[x.b] || x != q.all[x.couple] || x.score < worthEnough {
			continue
		}
		takenA[x.a], takenB[x.b] = true, true
		pairs[sa.layers[x.a].Unit] = sb.layers[x.b].Unit
		q.encourage(sa.above[x.a], sb.above[x.b])
		q.encourage(sa.below[x.a], sb.below[x.b])
	}
	return pairs
}

// encourage raises the neighbours of a pair.
func (q *queue) encourage(as, bs []int) {
	for _, a := range as {
		for _, b := range bs {
			c := couple{a, b}
			if known := q.all[c]; known != nil {
				q.all[c] = &candidate{couple: c, score: known.score + worthNeighbour}
				heap.Push(q, q.all[c])
			}
		}
	}
}
