package kernel

// Gemm computes C = alpha·op(A)·op(B) + beta·C for row-major matrices, where op transposes when its flag is set.
// C is m×n, op(A) is m×k and op(B) is k×n; lda, ldb and ldc are the distances between stored rows.
// With beta 0, C is written and never read, so it may hold NaN before. With k 0 the product is zero.
func Gemm(w *Workers, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m <= 0 || n <= 0 {
		return
	}
	need("C", len(c), extent(m, n, ldc))
	k = max(k, 0)
	if k == 0 || beta != 0 && beta != 1 {
		scaleRows(m, n, beta, c, ldc)
	}
	if k == 0 {
		return
	}
	need("A", len(a), extentOf(transA, m, k, lda))
	need("B", len(b), extentOf(transB, k, n, ldb))
	if m*n*k < serialWork {
		w = nil
	}
	if fewDots(transA, transB, m, n, ldb) {
		gemmDots(w, m, n, k, alpha, a, lda, b, ldb, beta != 0, c, ldc)
		return
	}
	s := borrow()
	defer s.giveBack()
	multiply(w, s, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta != 0, c, ldc)
}

// serialWork is the number of products below which waking other goroutines costs more than it saves.
const serialWork = 1 << 18

// multiply packs as much of A as the limit allows at a time and adds up its products.
func multiply(w *Workers, s *scratch, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, add bool, c []float32, ldc int) {
	var left, right grid
	left.matrix(a, k, m, lda, !transA, &s.leftRows, &s.leftCols)
	right.matrix(b, k, n, ldb, transB, &s.rows, &s.cols)
	depth := min(k, 16*sumBlock)
	height := max(leftLimit/depth/simd.stride*simd.tall, simd.tall)
	at := ramp(&s.at, n, 1)
	for i := 0; i < m; i += height {
		for p := 0; p < k; p += depth {
			job := product{right: right, p0: p, add: add || p > 0, out: c[i*ldc:], ldc: ldc, at: at}
			packPanels(w, &job.left, &left, p, min(depth, k-p), i, min(height, m-i), alpha, &s.left)
			job.runAll(w, n)
		}
	}
}

// scaleRows multiplies C by beta; beta 0 clears it without reading.
func scaleRows(m, n int, beta float32, c []float32, ldc int) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= beta
		}
	}
}

// extent is how many elements a rows×cols matrix reaches over.
func extent(rows, cols, ld int) int {
	if rows <= 0 || cols <= 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

func extentOf(trans bool, rows, cols, ld int) int {
	if trans {
		rows, cols = cols, rows
	}
	return extent(rows, cols, ld)
}
