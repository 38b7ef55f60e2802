package rebasin

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// Search improves the order from several starts and keeps the best: one more than restarts says, each of at most
// rounds sweeps. It returns the context's error if that ends first; the order is then of no use.
func (m *Matcher) Search(ctx context.Context, seed uint64, restarts, rounds int) error {
	var best [][]int
	top := math.Inf(-1)
	for start := range restarts + 1 {
		for i, h := range m.sets {
			m.Order[i], m.solved[i] = Identity(h.Size), false
		}
		if start != 1 { // the second search starts from the order as it is
			if err := m.solveInOrder(ctx); err != nil {
				return err
			}
		}
		if err := m.sweep(ctx, rounds, random.New(seed, uint64(start))); err != nil {
			return err
		}
		if score := m.objective(m.blocks); score > top+tiny*math.Abs(top) || best == nil {
			top, best = score, nil
			for _, order := range m.Order {
				best = append(best, slices.Clone(order))
			}
		}
	}
	m.Order = best
	return ctx.Err()
}

// AssignAll orders every set by a matrix of scores, one per set. It returns the context's error if that ends first; the
// order is then of no use.
func (m *Matcher) AssignAll(ctx context.Context, scores [][]float64) error {
	for set := range m.sets {
		if group := m.group(set); slices.Min(group) == set {
			var list [][]float64
			for _, s := range group {
				list = append(list, scores[s])
			}
			m.assign(ctx, group, list)
		}
	}
	return ctx.Err()
}

// group lists the sets that must be solved together: a set alone, or all whose heads have one order.
func (m *Matcher) group(set int) []int {
	h := m.sets[set]
	if h.Heads == 0 {
		return []int{set}
	}
	var list []int
	for i, g := range m.sets {
		if g.Heads > 0 && g.HeadOrder.Root() == h.HeadOrder.Root() {
			list = append(list, i)
		}
	}
	return list
}

// all accepts every block.
func all(*blockPair, int) bool { return true }

// evidence are the scores of all sets of a group, and how many blocks they come from.
func (m *Matcher) evidence(group []int, accept func(*blockPair, int) bool) (scores [][]float64, blocks int) {
	scores = make([][]float64, len(group))
	for i, set := range group {
		var n int
		scores[i], n = m.scores(set, accept)
		blocks += n
	}
	return scores, blocks
}

// sum is what the present order of a group gives by its scores.
func (m *Matcher) sum(group []int, scores [][]float64) (total float64) {
	for i, set := range group {
		n := m.sets[set].Size
		for to, from := range m.Order[set] {
			total += scores[i][to*n+from]
		}
	}
	return total
}

// assign orders a group of sets by scores of base units (rows) against model units (columns).
func (m *Matcher) assign(ctx context.Context, group []int, scores [][]float64) {
	if heads := m.sets[group[0]].Heads; heads > 0 {
		m.assignHeads(ctx, group, scores, heads)
		return
	}
	m.Order[group[0]] = linearAssignment(ctx, scores[0], m.sets[group[0]].Size)
}

// assignHeads matches every pair of heads by itself, then the heads by what their best inner orders give.
// Heads that are in a fixed order are matched with themselves, and so are the units within rigid heads.
func (m *Matcher) assignHeads(ctx context.Context, group []int, scores [][]float64, heads int) {
	value := make([]float64, heads*heads)
	inner := make([][][]int, len(group))
	for i, set := range group {
		n := m.sets[set].Size
		d := n / heads
		inner[i] = make([][]int, heads*heads)
		for p := range heads * heads {
			block := make([]float64, 0, d*d)
			for r := range d {
				from := (p/heads*d+r)*n + p%heads*d
				block = append(block, scores[i][from:from+d]...)
			}
			if inner[i][p] = Identity(d); !m.sets[set].Rigid {
				inner[i][p] = linearAssignment(ctx, block, d)
			}
			for r, c := range inner[i][p] {
				value[p] += block[r*d+c]
			}
		}
	}
	order := Identity(heads)
	if !m.sets[group[0]].HeadOrder.Root().Frozen {
		order = linearAssignment(ctx, value, heads)
	}
	for to, from := range order {
		for i, set := range group {
			d := m.sets[set].Size / heads
			for r, c := range inner[i][to*heads+from] {
				m.Order[set][to*d+r] = from*d + c
			}
		}
	}
}

// solveInOrder solves every set once in network order, on the blocks whose other axes are settled already: the
// inputs' order is given, so the first layer's units can be told apart by their weights, then the next.
func (m *Matcher) solveInOrder(ctx context.Context) error {
	for set := range m.sets {
		if m.solved[set] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		group := m.group(set)
		settled := func(g *blockPair, axis int) bool {
			for k, spans := range g.spans {
				for _, r := range spans {
					if k != axis && !m.solved[r.Set] {
						return false
					}
				}
			}
			return true
		}
		scores, blocks := m.evidence(group, settled)
		if blocks == 0 {
			scores, _ = m.evidence(group, all)
		}
		m.assign(ctx, group, scores)
		for _, s := range group {
			m.solved[s] = true
		}
	}
	return nil
}

// sweep improves one group after another in random order until none changes, at most rounds times.
func (m *Matcher) sweep(ctx context.Context, rounds int, rng *random.Generator) error {
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
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, s := range group {
				m.stale[s] = false
			}
			if m.improve(ctx, group) {
				improved = true
				m.markStale(group)
			}
		}
		if !improved {
			break
		}
	}
	return nil
}

// tiny is the relative gain below which an order is not worth changing: float32 sums differ by that much.
const tiny = 1e-6

// improve solves a group again and keeps the result if it is better. A group on two axes of one block (the
// columns and rows of a recurrent matrix) makes the scores approximate: then the objective itself decides.
func (m *Matcher) improve(ctx context.Context, group []int) bool {
	scores, _ := m.evidence(group, all)
	old := make([][]int, len(group))
	for i, set := range group {
		old[i] = slices.Clone(m.Order[set])
	}
	blocks := m.crossed(group)
	before := m.sum(group, scores)
	if blocks != nil {
		before = m.objective(blocks)
	}
	m.assign(ctx, group, scores)
	after := m.sum(group, scores)
	if blocks != nil {
		after = m.objective(blocks)
	}
	if after > before+tiny*max(1, math.Abs(before)) {
		return true
	}
	for i, set := range group {
		m.Order[set] = old[i]
	}
	return false
}

// markStale marks the sets that share a block with a group as due again, the group itself only if a block has
// it on two axes.
func (m *Matcher) markStale(group []int) {
	again := m.crossed(group) != nil
	for _, set := range group {
		for _, g := range m.blocksOf[set] {
			for _, spans := range g.spans {
				for _, r := range spans {
					m.stale[r.Set] = m.stale[r.Set] || again || !slices.Contains(group, r.Set)
				}
			}
		}
	}
}

// crossed lists all blocks of a group if any of them has it on two axes, nil if none has.
func (m *Matcher) crossed(group []int) (blocks []*blockPair) {
	twice := false
	for _, set := range group {
		for _, g := range m.blocksOf[set] {
			axes := 0
			for _, spans := range g.spans {
				if slices.ContainsFunc(spans, func(r symmetry.Span) bool { return slices.Contains(group, r.Set) }) {
					axes++
				}
			}
			twice = twice || axes > 1
			if !slices.Contains(blocks, g) {
				blocks = append(blocks, g)
			}
		}
	}
	if !twice {
		return nil
	}
	return blocks
}
