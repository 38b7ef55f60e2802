package kernel

// Batch is a sequence of matrices of one shape: the first is Matrix, and each begins Step elements after the one
// before. A Step of zero repeats one matrix.
type Batch struct {
	Matrix
	Step int
}

// at returns matrix i.
func (b *Batch) at(i int) Matrix {
	m := b.Matrix
	m.Data = m.Data[min(i*b.Step, len(m.Data)):]
	return m
}

// BatchGemm computes [Gemm] for count triples of matrices. The matrices of c must not overlap; those of a and b may be
// one, repeated.
func BatchGemm(w *Workers, c, a, b Batch, count int, alpha, beta float32) {
	work := c.Rows * c.Cols * max(a.Cols, 1)
	if count <= 0 || c.Rows <= 0 || c.Cols <= 0 {
		return
	}
	if count < w.Threads() || work > largeProduct {
		for i := range count {
			Gemm(w, c.at(i), a.at(i), b.at(i), alpha, beta)
		}
		return
	}
	w.For(count, max(1, serialWork/4/work), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			Gemm(nil, c.at(i), a.at(i), b.at(i), alpha, beta)
		}
	})
}

// largeProduct is the number of products above which one matrix keeps all goroutines busy.
const largeProduct = 1 << 26
