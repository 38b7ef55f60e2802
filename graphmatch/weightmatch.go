package graphmatch

import (
	"fmt"
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
type run struct {
	set, start, n int
	repeat        int // positions of a unit, one after another
	stride        int // from one unit to the next
}

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
		if folded := a.folds[w] != nil || a.folds[f.unit] != nil; folded && f.param.role != "weight" {
			continue // the bias of one means another thing than that of the other
		}
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
	base, b, err := a.pair(j, f.unit, f.param, w, q)
	if err != nil {
		return err
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

// pair reads a parameter of model j and the base's, the latter as the model stores it.
func (a *Alignment) pair(j int, u *unit, p *param, w *unit, q *param) (base, other []float32, err error) {
	read := func(j int, u *unit, p *param) ([]float32, error) {
		use := p.use()
		use.fold = a.folds[u]
		return use.floats(a.Models[j], p.role, nil)
	}
	if other, err = read(j, u, p); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.labels[j], err)
	}
	if base, err = read(a.Base, w, q); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.labels[a.Base], err)
	}
	if shape := q.c.fileShape(); len(shape) == 2 && w.flipped(q) != u.flipped(p) {
		base = transposed(base, shape[0], shape[1])
	}
	return base, other, nil
}

func transposed(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i%cols*rows+i/cols] = v
	}
	return y
}

// resolved lists the runs of sets along an axis that may be reordered.
func (a axis) resolved() []run { return resolveRuns(nil, a.runs, 0, 1) }

// resolveRuns appends the runs of segments whose positions are start, start+stride and so on.
func resolveRuns(list []run, runs []segment, start, stride int) []run {
	for _, s := range runs {
		next := start + s.length()*stride
		for k, woven := range s.weave {
			list = resolveRuns(list, woven, start+k*stride, stride*len(s.weave))
		}
		if s.set != nil {
			for _, h := range s.set.leaves() {
				if h.movable() && s.grain == entire {
					list = append(list, run{set: h.number, start: start, n: h.size, repeat: s.repeat, stride: stride * s.repeat})
				}
				start += h.size * s.repeat * stride
			}
		}
		start = next
	}
	return list
}

// index is the old position at each new position of an axis.
func (m *matcher) index(g *matchFace, k int) []int {
	list := identity(g.shape[k])
	for _, r := range g.runs[k] {
		for i, old := range m.order[r.set] {
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
