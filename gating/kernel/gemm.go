package kernel

// Gemm computes C = alpha·op(A)·op(B) + beta·C for row-major matrices, where op transposes when its flag is set.
// C is m×n, op(A) is m×k and op(B) is k×n; lda, ldb and ldc are the distances between stored rows.
// With beta 0, C is written and never read, so it may hold NaN before. With k 0 the product is zero.
func Gemm(w *Workers, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	BatchGemm(w, 1, transA, transB, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0)
}

// BatchGemm computes Gemm for batch matrices, each strideA, strideB and strideC elements after the one before.
// A stride of zero for A or B shares that operand.
func BatchGemm(w *Workers, batch int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda, strideA int,
	b []float32, ldb, strideB int, beta float32, c []float32, ldc, strideC int) {
	w.For(batch*m, 1, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			z, i := r/m, r%m
			for j := range n {
				var sum float32
				for p := range k {
					x, y := z*strideA+i*lda+p, z*strideB+p*ldb+j
					if transA {
						x = z*strideA + p*lda + i
					}
					if transB {
						y = z*strideB + j*ldb + p
					}
					sum += a[x] * b[y]
				}
				o := z*strideC + i*ldc + j
				if beta == 0 {
					c[o] = alpha * sum
				} else {
					c[o] = alpha*sum + beta*c[o]
				}
			}
		}
	})
}
