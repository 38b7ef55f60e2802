package kernel

// dotWidth is how many rows or columns a product may have for dot products to beat packing.
const dotWidth = 2

// fewDots says whether both operands have their summation index side by side and one of them is so thin that bringing
// the other into panels would cost more than the product.
func fewDots(transA, transB bool, m, n, ldb int) bool {
	return !transA && (transB || n == 1 && ldb == 1) && min(m, n) <= dotWidth
}

// gemmDots computes every element of C by itself.
func gemmDots(w *Workers, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, add bool, c []float32, ldc int) {
	if n == 1 {
		ldb = k
	}
	w.For(m*n, 1+streamGrain/k, func(lo, hi int) {
		for e := lo; e < hi; e++ {
			i, j := e/n, e%n
			v := alpha * float32(dot(a[i*lda:i*lda+k], b[j*ldb:j*ldb+k]))
			if add {
				v += c[i*ldc+j]
			}
			c[i*ldc+j] = v
		}
	})
}

// dot adds up x·y like Dots.
func dot(x, y []float32) float64 {
	var total float64
	for len(x) >= block {
		var lanes [16]float32
		n := min(len(x)&^(block-1), dotChunk)
		simd.dot(x[:n], y[:n], &lanes)
		total += sumLanes(&lanes)
		x, y = x[n:], y[n:]
	}
	for i, v := range x {
		total += float64(v) * float64(y[i])
	}
	return total
}
