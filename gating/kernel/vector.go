package kernel

// Axpy computes y += alpha·x over len(y) elements.
func Axpy(w *Workers, alpha float32, x, y []float32) {
	w.For(len(y), 8192, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			y[i] += alpha * x[i]
		}
	})
}

// Dot returns the sum of x[i]·y[i] over len(x) elements, added up in double precision.
func Dot(w *Workers, x, y []float32) float32 {
	var out [1]float64
	Dots(w, x, [][]float32{y}, out[:])
	return float32(out[0])
}

// Mix computes dst = sum over j of coefs[j]·ws[j].
func Mix(w *Workers, dst []float32, coefs []float32, ws [][]float32) {
	w.For(len(dst), 8192, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			var sum float32
			for j, c := range coefs {
				sum += c * ws[j][i]
			}
			dst[i] = sum
		}
	})
}

// Dots computes out[j] = sum over i of dw[i]·ws[j][i] for all j in one pass, added up in double precision.
func Dots(w *Workers, dw []float32, ws [][]float32, out []float64) {
	for j, v := range ws {
		out[j] = 0
		for i, d := range dw {
			out[j] += float64(d) * float64(v[i])
		}
	}
}
