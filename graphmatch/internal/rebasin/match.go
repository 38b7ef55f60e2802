package rebasin

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
)

// Matcher reorders the hidden units of one model so that its weights come close to the base's: it
// maximises the sum of <A, P(B)> over all blocks by solving an assignment for one set of hidden units at
// a time while the others stay (Git Re-Basin, arXiv 2209.04836, algorithm 1).
type Matcher struct {
	sets     []*symmetry.Set
	blocks   []*blockPair
	blocksOf [][]*blockPair // blocks by set
	Order    [][]int        // per set: which old unit comes at each place
	solved   []bool         // sets that have been solved at least once
	stale    []bool         // sets whose neighbours have moved since they were solved
}

// blockPair is a block with the values of both models.
type blockPair struct {
	shape []int
	spans [][]symmetry.Span // per axis, the sets along it that move
	a, b  []float32
}

// NewMatcher starts with all units as they are and no weights to compare.
func NewMatcher(sym *symmetry.Symmetry) *Matcher {
	n := len(sym.Sets)
	m := &Matcher{sets: sym.Sets, blocksOf: make([][]*blockPair, n), solved: make([]bool, n), stale: make([]bool, n)}
	for _, h := range sym.Sets {
		m.Order = append(m.Order, Identity(h.Size))
	}
	return m
}

// Identity is the order of n units as they are.
func Identity(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// Add compares a block's values in the base and in the model, both in the model's orientation: they are the values of
// the whole parameter, of which the block may be a part. False says that either has fewer values than its shape.
func (m *Matcher) Add(f *symmetry.Block, base, model []float32) bool {
	end := f.First + f.Size()
	if len(base) < end || len(model) < end {
		return false
	}
	g := &blockPair{shape: f.Shape, a: base[f.First:end], b: model[f.First:end]}
	seen := map[int]bool{}
	for k := range f.Shape {
		spans := f.Spans(k)
		g.spans = append(g.spans, spans)
		for _, r := range spans {
			if !seen[r.Set] {
				seen[r.Set] = true
				m.blocksOf[r.Set] = append(m.blocksOf[r.Set], g)
			}
		}
	}
	m.blocks = append(m.blocks, g)
	return true
}

// positions is the old position at each new position of an axis of length n, along which sets take new orders.
func positions(n int, spans []symmetry.Span, order [][]int) []int {
	list := Identity(n)
	for _, r := range spans {
		for i, old := range order[r.Set] {
			for p := range r.Repeat {
				list[r.Start+i*r.Stride+p] = r.Start + old*r.Stride + p
			}
		}
	}
	return list
}

// permuted is b with all axes in their present order, except one axis (-1 for none).
func (m *Matcher) permuted(g *blockPair, except int) []float32 {
	out := g.b
	outer := 1
	for k, d := range g.shape {
		if k != except && len(g.spans[k]) > 0 {
			out = gather(out, outer, d, positions(d, g.spans[k], m.Order))
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
func (g *blockPair) rows(x []float32, k int, r symmetry.Span) []float32 {
	outer, inner := 1, 1
	for i, d := range g.shape {
		switch {
		case i < k:
			outer *= d
		case i > k:
			inner *= d
		}
	}
	width := r.Repeat * inner
	out := make([]float32, 0, r.N*outer*width)
	for i := range r.N {
		for o := range outer {
			from := (o*g.shape[k] + r.Start + i*r.Stride) * inner
			out = append(out, x[from:from+width]...)
		}
	}
	return out
}

// scores are the inner products of every unit of the base (rows) with every unit of the model (columns)
// in one set, over the blocks that accept tells.
func (m *Matcher) scores(set int, accept func(g *blockPair, axis int) bool) (score []float64, blocks int) {
	n := m.sets[set].Size
	sum := make([]float32, n*n)
	for _, g := range m.blocksOf[set] {
		for k, spans := range g.spans {
			var b []float32
			for _, r := range spans {
				if r.Set != set || !accept(g, k) {
					continue
				}
				if b == nil {
					b = m.permuted(g, k)
				}
				blocks++
				x, y := g.rows(g.a, k, r), g.rows(b, k, r)
				width := len(x) / n
				left := blas32.General{Rows: n, Cols: width, Stride: max(1, width), Data: x}
				right := blas32.General{Rows: n, Cols: width, Stride: max(1, width), Data: y}
				total := blas32.General{Rows: n, Cols: n, Stride: n, Data: sum}
				blas32.Gemm(blas.NoTrans, blas.Trans, 1, left, right, 1, total)
			}
		}
	}
	score = make([]float64, len(sum))
	for i, v := range sum {
		score[i] = float64(v)
	}
	return score, blocks
}

// objective is the sum of <A, P(B)> over blocks.
func (m *Matcher) objective(blocks []*blockPair) float64 {
	total := 0.0
	for _, g := range blocks {
		b := m.permuted(g, -1)
		for i, x := range g.a {
			total += float64(x) * float64(b[i])
		}
	}
	return total
}

// Cosine is the cosine between the base's weights and the model's in their present order.
func (m *Matcher) Cosine() float64 {
	var aa, bb float64
	for _, g := range m.blocks {
		for i := range g.a {
			aa += float64(g.a[i]) * float64(g.a[i])
			bb += float64(g.b[i]) * float64(g.b[i])
		}
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return m.objective(m.blocks) / math.Sqrt(aa*bb)
}
