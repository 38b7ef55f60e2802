package kernel

// BatchGemm computes Gemm for batch matrices, each strideA, strideB and strideC elements after the one before.
// A stride of zero for A or B shares that operand.
func BatchGemm(w *Workers, batch int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda, strideA int,
	b []float32, ldb, strideB int, beta float32, c []float32, ldc, strideC int) {
	if batch <= 0 || m <= 0 || n <= 0 {
		return
	}
	one := func(w *Workers, i int) {
		Gemm(w, transA, transB, m, n, k, alpha, a[min(i*strideA, len(a)):], lda, b[min(i*strideB, len(b)):], ldb, beta, c[i*strideC:], ldc)
	}
	if batch < w.Threads() || m*n*max(k, 1) > largeProduct {
		for i := range batch {
			one(w, i)
		}
		return
	}
	w.For(batch, max(1, serialWork/4/(m*n*max(k, 1))), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			one(nil, i)
		}
	})
}

// largeProduct is the number of products above which one matrix keeps all goroutines busy.
const largeProduct = 1 << 26
