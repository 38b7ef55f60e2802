package graphmatch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// matcher reorders the hidden units of one model so that its weights come close to the base's: it
// maximises the sum of <A, P(B)> over all faces by solving an assignment for one set of hidden units at
// a time while the others stay (Git Re-Basin, arXiv 2209.04836, algorithm 1).
type matcher struct {
	sets  []*hidden
	faces []*matchFace
	touch [][]*matchFace // faces by set
	order [][]int        // per set: which old unit comes at each place
	known []bool         // sets that have been solved at least once
	stale []bool         // sets whose neighbours have moved since they were solved
}

// matchFace is a face with the values of both models.
type matchFace struct {
	shape []int
	runs  [][]run // per axis, the runs of sets that move
	a, b  []float32
}

// run is a set along an axis.
type run struct{ set, start, n, repeat int }

// newMatcher reads the weights that the base and model j have in common. Statistics of normalisations
// are reordered with their channels but say nothing about which is which.
func (a *Alignment) newMatcher(j int, sym *symmetry) (*matcher, error) {
	m := &matcher{sets: sym.sets, touch: make([][]*matchFace, len(sym.sets)), known: make([]bool, len(sym.sets)), stale: make([]bool, len(sym.sets))}
	for _, h := range sym.sets {
		m.order = append(m.order, identity(h.size))
	}
	partner := map[*unit]*unit{}
	for _, r := range a.table {
		if r[j] != nil && r[a.Base] != nil {
			partner[r[j]] = r[a.Base]
		}
	}
	for _, f := range sym.faces {
		w := partner[f.unit]
		if w == nil || f.param.role == "mean" || f.param.role == "var" {
			continue
		}
		q := w.param(f.param.role)
		if q == nil || !slices.Equal(w.canonicalShape(q), f.unit.canonicalShape(f.param)) {
			continue
		}
		if err := m.add(a, j, f, w, q); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func identity(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// add reads one face of both models, the base's in the orientation of the other.
func (m *matcher) add(a *Alignment, j int, f *face, w *unit, q *param) error {
	g := &matchFace{shape: f.shape}
	moves := false
	for _, x := range f.axes {
		r := x.resolved()
		moves = moves || len(r) > 0
		g.runs = append(g.runs, r)
	}
	if !moves {
		return nil
	}
	size := 1
	for _, d := range f.shape {
		size *= d
	}
	b, err := a.Models[j].Tensor(f.param.c.tensor).Floats(nil)
	if err != nil {
		return fmt.Errorf("%s: %w", a.labels[j], err)
	}
	base, err := a.Models[a.Base].Tensor(q.c.tensor).Floats(nil)
	if err != nil {
		return fmt.Errorf("%s: %w", a.labels[a.Base], err)
	}
	if shape := q.c.fileShape(); len(shape) == 2 && w.flipped(q) != f.unit.flipped(f.param) {
		base = transposed(base, shape[0], shape[1])
	}
	if len(base) < f.first+size || len(b) < f.first+size {
		return fmt.Errorf("%s: %w: %q has fewer values than its shape", a.labels[j], ErrAlign, f.param.c.name())
	}
	g.a, g.b = base[f.first:f.first+size], b[f.first:f.first+size]
	m.faces = append(m.faces, g)
	seen := map[int]bool{}
	for _, runs := range g.runs {
		for _, r := range runs {
			if !seen[r.set] {
				seen[r.set] = true
				m.touch[r.set] = append(m.touch[r.set], g)
			}
		}
	}
	return nil
}

func transposed(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i%cols*rows+i/cols] = v
	}
	return y
}

// resolved lists the runs of sets along an axis that may be reordered.
func (a axis) resolved() (list []run) {
	at := 0
	for _, s := range a.runs {
		if s.set == nil {
			at += s.fixed
			continue
		}
		for _, h := range s.set.leaves() {
			if !h.frozen && h.size > 1 && s.grain == entire {
				list = append(list, run{set: h.number, start: at, n: h.size, repeat: s.repeat})
			}
			at += h.size * s.repeat
		}
	}
	return list
}

// index is the old position at each new position of an axis.
func (m *matcher) index(g *matchFace, k int) []int {
	list := identity(g.shape[k])
	for _, r := range g.runs[k] {
		for i, old := range m.order[r.set] {
			for p := range r.repeat {
				list[r.start+i*r.repeat+p] = r.start + old*r.repeat + p
			}
		}
	}
	return list
}

// permuted is b with all axes in their present order, except one axis (-1 for none).
func (m *matcher) permuted(g *matchFace, except int) []float32 {
	out := g.b
	outer := 1
	for k, d := range g.shape {
		if k != except && len(g.runs[k]) > 0 {
			out = gather(out, outer, d, m.index(g, k))
		}
		outer *= d
	}
	return out
}

// gather takes positions along the middle axis of an [outer, n, inner] array.
func gather[T any](x []T, outer, n int, index []int) []T {
	inner := len(x) / max(1, outer*n)
	out := make([]T, len(x))
	for o := range outer {
		block, to := x[o*n*inner:(o+1)*n*inner], out[o*n*inner:(o+1)*n*inner]
		for i, old := range index {
			copy(to[i*inner:(i+1)*inner], block[old*inner:(old+1)*inner])
		}
	}
	return out
}

// rows brings a run along axis k to the front: one row per unit.
func (g *matchFace) rows(x []float32, k int, r run) []float32 {
	outer, inner := 1, 1
	for i, d := range g.shape {
		switch {
		case i < k:
			outer *= d
		case i > k:
			inner *= d
		}
	}
	width := r.repeat * inner
	out := make([]float32, 0, r.n*outer*width)
	for i := range r.n {
		for o := range outer {
			from := (o*g.shape[k] + r.start + i*r.repeat) * inner
			out = append(out, x[from:from+width]...)
		}
	}
	return out
}

// scores are the inner products of every unit of the base (rows) with every unit of the model (columns)
// in one set, over the faces that accept tells.
func (m *matcher) scores(set int, accept func(g *matchFace, axis int) bool) (score []float64, faces int) {
	n := m.sets[set].size
	sum := make([]float32, n*n)
	for _, g := range m.touch[set] {
		for k, runs := range g.runs {
			var b []float32
			for _, r := range runs {
				if r.set != set || !accept(g, k) {
					continue
				}
				if b == nil {
					b = m.permuted(g, k)
				}
				faces++
				x, y := g.rows(g.a, k, r), g.rows(b, k, r)
				width := len(x) / n
				blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: n, Cols: width, Stride: max(1, width), Data: x},
					blas32.General{Rows: n, Cols: width, Stride: max(1, width), Data: y}, 1, blas32.General{Rows: n, Cols: n, Stride: n, Data: sum})
			}
		}
	}
	score = make([]float64, len(sum))
	for i, v := range sum {
		score[i] = float64(v)
	}
	return score, faces
}

// objective is the sum of <A, P(B)> over faces.
func (m *matcher) objective(faces []*matchFace) float64 {
	total := 0.0
	for _, g := range faces {
		b := m.permuted(g, -1)
		for i, x := range g.a {
			total += float64(x) * float64(b[i])
		}
	}
	return total
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
			inner[i][p] = Assign(block, d)
			for r, c := range inner[i][p] {
				value[p] += block[r*d+c]
			}
		}
	}
	for to, from := range Assign(value, heads) {
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
