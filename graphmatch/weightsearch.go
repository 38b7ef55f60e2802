package graphmatch

import (
	"math"
	"math/rand/v2"
	"slices"
)

// search improves the order from several starts and keeps the best: one more than restarts says, each of at most
// rounds sweeps.
func (m *matcher) search(seed uint64, restarts, rounds int) {
	var best [][]int
	top := math.Inf(-1)
	for start := range restarts + 1 {
		for i, h := range m.sets {
			m.order[i], m.known[i] = identity(h.size), false
		}
		if start != 1 { // the second search starts from the order as it is
			m.begin()
		}
		m.sweep(rounds, rand.New(rand.NewPCG(seed, uint64(start))))
		if score := m.objective(m.faces); score > top+tiny*math.Abs(top) || best == nil {
			top, best = score, nil
			for _, order := range m.order {
				best = append(best, slices.Clone(order))
			}
		}
	}
	m.order = best
}

// adoptAll orders every set by a matrix of scores, one per set.
func (m *matcher) adoptAll(scores [][]float64) {
	for set := range m.sets {
		if group := m.group(set); slices.Min(group) == set {
			var list [][]float64
			for _, s := range group {
				list = append(list, scores[s])
			}
			m.adopt(group, list)
		}
	}
}

// group lists the sets that must be solved together: a set alone, or all whose heads have one order.
func (m *matcher) group(set int) []int {
	h := m.sets[set]
	if h.heads == 0 {
		return []int{set}
	}
	var list []int
	for i, g := range m.sets {
		if g.heads > 0 && g.block.root() == h.block.root() {
			list = append(list, i)
		}
	}
	return list
}

// all accepts every face.
func all(*matchFace, int) bool { return true }

// evidence are the scores of all sets of a group, and how many faces they come from.
func (m *matcher) evidence(group []int, accept func(*matchFace, int) bool) (scores [][]float64, faces int) {
	scores = make([][]float64, len(group))
	for i, set := range group {
		var n int
		scores[i], n = m.scores(set, accept)
		faces += n
	}
	return scores, faces
}

// sum is what the present order of a group gives by its scores.
func (m *matcher) sum(group []int, scores [][]float64) (total float64) {
	for i, set := range group {
		n := m.sets[set].size
		for to, from := range m.order[set] {
			total += scores[i][to*n+from]
		}
	}
	return total
}

// adopt orders a group of sets by scores of base units (rows) against model units (columns).
func (m *matcher) adopt(group []int, scores [][]float64) {
	if heads := m.sets[group[0]].heads; heads > 0 {
		m.adoptHeads(group, scores, heads)
		return
	}
	m.order[group[0]] = Assign(scores[0], m.sets[group[0]].size)
}

// adoptHeads matches every pair of heads by itself, then the heads by what their best inner orders give.
// Heads that are in a fixed order are matched with themselves, and so are the units within rigid heads.
func (m *matcher) adoptHeads(group []int, scores [][]float64, heads int) {
	value := make([]float64, heads*heads)
	inner := make([][][]int, len(group))
	for i, set := range group {
		n := m.sets[set].size
		d := n / heads
		inner[i] = make([][]int, heads*heads)
		for p := range heads * heads {
			block := make([]float64, 0, d*d)
			for r := range d {
				from := (p/heads*d+r)*n + p%heads*d
				block = append(block, scores[i][from:from+d]...)
			}
			if inner[i][p] = identity(d); !m.sets[set].rigid {
				inner[i][p] = Assign(block, d)
			}
			for r, c := range inner[i][p] {
				value[p] += block[r*d+c]
			}
		}
	}
	order := identity(heads)
	if !m.sets[group[0]].block.root().frozen {
		order = Assign(value, heads)
	}
	for to, from := range order {
		for i, set := range group {
			d := m.sets[set].size / heads
			for r, c := range inner[i][to*heads+from] {
				m.order[set][to*d+r] = from*d + c
			}
		}
	}
}

// begin solves every set once in network order, on the faces whose other axes are settled already: the
// inputs' order is given, so the first layer's units can be told apart by their weights, then the next.
func (m *matcher) begin() {
	for set := range m.sets {
		if m.known[set] {
			continue
		}
		group := m.group(set)
		settled := func(g *matchFace, axis int) bool {
			for k, runs := range g.runs {
				for _, r := range runs {
					if k != axis && !m.known[r.set] {
						return false
					}
				}
			}
			return true
		}
		scores, faces := m.evidence(group, settled)
		if faces == 0 {
			scores, _ = m.evidence(group, all)
		}
		m.adopt(group, scores)
		for _, s := range group {
			m.known[s] = true
		}
	}
}

// sweep improves one group after another in random order until none changes, at most rounds times.
func (m *matcher) sweep(rounds int, rng *rand.Rand) {
	for set := range m.stale {
		m.stale[set] = true
	}
	for range rounds {
		improved := false
		for _, set := range rng.Perm(len(m.sets)) {
			group := m.group(set)
			if slices.Min(group) != set || !slices.ContainsFunc(group, func(s int) bool { return m.stale[s] }) {
				continue
			}
			for _, s := range group {
				m.stale[s] = false
			}
			if m.improve(group) {
				improved = true
				m.disturb(group)
			}
		}
		if !improved {
			return
		}
	}
}

// tiny is the relative gain below which an order is not worth changing: float32 sums differ by that much.
const tiny = 1e-6

// improve solves a group again and keeps the result if it is better. A group on two axes of one face (the
// columns and rows of a recurrent matrix) makes the scores approximate: then the objective itself decides.
func (m *matcher) improve(group []int) bool {
	scores, _ := m.evidence(group, all)
	old := make([][]int, len(group))
	for i, set := range group {
		old[i] = slices.Clone(m.order[set])
	}
	faces := m.crossed(group)
	before := m.sum(group, scores)
	if faces != nil {
		before = m.objective(faces)
	}
	m.adopt(group, scores)
	after := m.sum(group, scores)
	if faces != nil {
		after = m.objective(faces)
	}
	if after > before+tiny*max(1, math.Abs(before)) {
		return true
	}
	for i, set := range group {
		m.order[set] = old[i]
	}
	return false
}

// disturb marks the sets that share a face with a group as due again, the group itself only if a face has
// it on two axes.
func (m *matcher) disturb(group []int) {
	again := m.crossed(group) != nil
	for _, set := range group {
		for _, g := range m.touch[set] {
			for _, runs := range g.runs {
				for _, r := range runs {
					m.stale[r.set] = m.stale[r.set] || again || !slices.Contains(group, r.set)
				}
			}
		}
	}
}

// crossed lists all faces of a group if any of them has it on two axes, nil if none has.
func (m *matcher) crossed(group []int) (faces []*matchFace) {
	twice := false
	for _, set := range group {
		for _, g := range m.touch[set] {
			axes := 0
			for _, runs := range g.runs {
				if slices.ContainsFunc(runs, func(r run) bool { return slices.Contains(group, r.set) }) {
					axes++
				}
			}
			twice = twice || axes > 1
			if !slices.Contains(faces, g) {
				faces = append(faces, g)
			}
		}
	}
	if !twice {
		return nil
	}
	return faces
}
