package kernel

import "fmt"

// Matrix is a matrix of Rows×Cols in row-major memory, whose rows begin Stride elements apart, or the transpose of one:
// with Transposed set, Data holds Cols rows of Rows elements, Stride apart. See [NewMatrix] and [Matrix.T].
type Matrix struct {
	Data               []float32
	Rows, Cols, Stride int
	Transposed         bool
}

// NewMatrix returns the rows×cols matrix in data whose rows begin stride elements apart, stride at least cols.
func NewMatrix(data []float32, rows, cols, stride int) Matrix {
	return Matrix{Data: data, Rows: rows, Cols: cols, Stride: stride}
}

// T returns the transpose, which shares the memory.
func (m Matrix) T() Matrix {
	m.Rows, m.Cols, m.Transposed = m.Cols, m.Rows, !m.Transposed
	return m
}

// TransposedIf returns the transpose where yes is set, else the matrix itself, as operators with an attribute need it.
func (m Matrix) TransposedIf(yes bool) Matrix {
	if yes {
		return m.T()
	}
	return m
}

// extent is how many elements the matrix reaches over.
func (m *Matrix) extent() int {
	rows, cols := m.Rows, m.Cols
	if m.Transposed {
		rows, cols = cols, rows
	}
	if rows <= 0 || cols <= 0 {
		return 0
	}
	return (rows-1)*m.Stride + cols
}

// Gemm computes C = alpha·A·B + beta·C for an m×k matrix A and a k×n matrix B. C is m×n, not transposed, and shares
// no memory with A or B. With beta 0, C is written and never read, so it may hold NaN before. With k 0 the product is
// zero. What lies between the rows of C is not touched.
func Gemm(w *Workers, c, a, b Matrix, alpha, beta float32) {
	checkShapes(&c, &a, &b)
	m, n, k := c.Rows, c.Cols, a.Cols
	if m <= 0 || n <= 0 {
		return
	}
	requireLen("C", len(c.Data), c.extent())
	if k <= 0 || beta != 0 && beta != 1 {
		scaleRows(&c, beta)
	}
	if k <= 0 {
		return
	}
	requireLen("A", len(a.Data), a.extent())
	requireLen("B", len(b.Data), b.extent())
	if m*n*k < serialWork {
		w = nil
	}
	if prefersDots(&a, &b) {
		gemmDots(w, &c, &a, &b, alpha, beta != 0)
		return
	}
	s := getScratch()
	defer s.release()
	multiply(w, &c, &a, &b, alpha, beta != 0, s)
}

// checkShapes panics unless C = A·B fits.
func checkShapes(c, a, b *Matrix) {
	if a.Rows != c.Rows || b.Cols != c.Cols || a.Cols != b.Rows || c.Transposed {
		panic(fmt.Sprintf("kernel: a product of %d×%d and %d×%d does not give %d×%d",
			a.Rows, a.Cols, b.Rows, b.Cols, c.Rows, c.Cols))
	}
}

// serialWork is the number of products below which waking other goroutines costs more than it saves.
const serialWork = 1 << 18

// multiply packs as much of A as the limit allows at a time and adds up its products.
func multiply(w *Workers, c, a, b *Matrix, alpha float32, add bool, s *scratch) {
	var left, right operand
	transposed := a.T() // the left operand is indexed by the summation index first too
	left.matrix(&transposed, &s.leftRows, &s.leftCols)
	right.matrix(b, &s.rows, &s.cols)
	m, n, k := c.Rows, c.Cols, a.Cols
	depth := min(k, 16*sumBlock)
	height := max(leftLimit/depth/simd.stride*simd.tall, simd.tall)
	at := arange(&s.at, n, 1)
	for i := 0; i < m; i += height {
		for p := 0; p < k; p += depth {
			job := product{right: right, p0: p, add: add || p > 0, out: c.Data[i*c.Stride:], ldc: c.Stride, at: at}
			packPanels(w, &job.left, &left, p, min(depth, k-p), i, min(height, m-i), alpha, &s.left)
			job.runAll(w, n)
		}
	}
}

// scaleRows multiplies C by beta; beta 0 clears it without reading.
func scaleRows(c *Matrix, beta float32) {
	for i := range c.Rows {
		row := c.Data[i*c.Stride : i*c.Stride+c.Cols]
		if beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= beta
		}
	}
}
