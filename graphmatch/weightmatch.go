package graphmatch

import (
	"math"

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

// newMatcher starts with all units as they are and no weights to compare.
func newMatcher(sym *symmetry) *matcher {
	n := len(sym.sets)
	m := &matcher{sets: sym.sets, touch: make([][]*matchFace, n), known: make([]bool, n), stale: make([]bool, n)}
	for _, h := range sym.sets {
		m.order = append(m.order, identity(h.size))
	}
	return m
}

func identity(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// add compares a face's values in the base and in the model, both in the model's orientation: they are the values of
// the whole parameter, of which the face may be a block. False says that either has fewer values than its shape.
func (m *matcher) add(f *face, base, model []float32) bool {
	end := f.first + f.size()
	if len(base) < end || len(model) < end {
		return false
	}
	g := &matchFace{shape: f.shape, a: base[f.first:end], b: model[f.first:end]}
	seen := map[int]bool{}
	for _, x := range f.axes {
		runs := x.resolved()
		g.runs = append(g.runs, runs)
		for _, r := range runs {
			if !seen[r.set] {
				seen[r.set] = true
				m.touch[r.set] = append(m.touch[r.set], g)
			}
		}
	}
	m.faces = append(m.faces, g)
	return true
}

// positions is the old position at each new position of an axis of length n, along which sets take new orders.
func positions(n int, runs []run, order [][]int) []int {
	list := identity(n)
	for _, r := range runs {
		for i, old := range order[r.set] {
			for p := range r.repeat {
				list[r.start+i*r.stride+p] = r.start + old*r.stride + p
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
			out = gather(out, outer, d, positions(d, g.runs[k], m.order))
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
			from := (o*g.shape[k] + r.start + i*r.stride) * inner
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

// cosine is the cosine between the base's weights and the model's in their present order.
func (m *matcher) cosine() float64 {
	var aa, bb float64
	for _, g := range m.faces {
		for i := range g.a {
			aa += float64(g.a[i]) * float64(g.a[i])
			bb += float64(g.b[i]) * float64(g.b[i])
		}
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return m.objective(m.faces) / math.Sqrt(aa*bb)
}
