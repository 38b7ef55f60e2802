package kernel

// Taps is a sparse matrix by rows, which maps an axis of In elements to one of len(First)-1: row o is the sum of
// Weight[t] times element Index[t] for t from First[o] to before First[o+1].
type Taps struct {
	In     int
	First  []int
	Index  []int
	Weight []float32
}

// Out returns the number of rows.
func (t *Taps) Out() int { return len(t.First) - 1 }

// Transpose returns the transposed matrix, its rows in the order of t's.
func (t *Taps) Transpose() *Taps {
	r := &Taps{In: t.Out(), First: make([]int, t.In+1), Index: make([]int, len(t.Index)),
		Weight: make([]float32, len(t.Index))}
	for _, i := range t.Index {
		r.First[i+1]++
	}
	for i := range t.In {
		r.First[i+1] += r.First[i]
	}
	next := append([]int{}, r.First...)
	for o := range t.Out() {
		for k := t.First[o]; k < t.First[o+1]; k++ {
			i := t.Index[k]
			r.Index[next[i]], r.Weight[next[i]] = o, t.Weight[k]
			next[i]++
		}
	}
	return r
}

// Resample applies the matrix t along the middle axis of src [outer, t.In, inner] and writes dst [outer, t.Out(),
// inner].
func Resample(w *Workers, dst, src []float32, t *Taps, outer, inner int) {
	m := t.Out()
	if inner == 1 {
		w.For(outer, max(1, copyGrain/16/max(1, m)), func(lo, hi int) {
			for b := lo; b < hi; b++ {
				t.row(dst[b*m:(b+1)*m], src[b*t.In:(b+1)*t.In])
			}
		})
		return
	}
	w.For(outer*m, max(1, copyGrain/4/max(1, inner)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			b, o := r/m, r%m
			to := dst[r*inner : (r+1)*inner]
			clear(to)
			for k := t.First[o]; k < t.First[o+1]; k++ {
				weight := t.Weight[k]
				from := src[(b*t.In+t.Index[k])*inner:][:len(to)]
				for i, v := range from {
					to[i] += weight * v
				}
			}
		}
	})
}

// row applies t to one contiguous vector.
func (t *Taps) row(dst, src []float32) {
	for o := range dst {
		var sum float32
		for k := t.First[o]; k < t.First[o+1]; k++ {
			sum += t.Weight[k] * src[t.Index[k]]
		}
		dst[o] = sum
	}
}
