package kernel

// dotWidth is how many rows or columns a product may have for dot products to beat packing.
const dotWidth = 2

// prefersDots says whether both operands have their summation index side by side and one of them has so few rows or
// columns that bringing the other into panels would cost more than the product.
func prefersDots(a, b *Matrix) bool {
	return !a.Transposed && (b.Transposed || b.Cols == 1 && b.Stride == 1) && min(a.Rows, b.Cols) <= dotWidth
}

// gemmDots computes every element of C by itself.
func gemmDots(w *Workers, c, a, b *Matrix, alpha float32, add bool) {
	m, n, k := c.Rows, c.Cols, a.Cols
	w.For(m*n, 1+streamGrain/k, func(lo, hi int) {
		for e := lo; e < hi; e++ {
			i, j := e/n, e%n
			at := i*c.Stride + j
			v := alpha * float32(dot(a.Data[i*a.Stride:][:k], b.Data[j*b.Stride:][:k]))
			if add {
				v += c.Data[at]
			}
			c.Data[at] = v
		}
	})
}

// dot adds up x·y like Dots.
func dot(x, y []float32) float64 {
	var total float64
	for len(x) >= block {
		var lanes [16]float32
		n := min(len(x)&^(block-1), dotChunk)
		simd.dot(&lanes, x[:n], y[:n])
		total += sumLanes(&lanes)
		x, y = x[n:], y[n:]
	}
	for i, v := range x {
		total += float64(v) * float64(y[i])
	}
	return total
}
