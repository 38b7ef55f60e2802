package kernel

// operand is one side of a product, indexed by the summation index p and by a row or column j of the result: element
// (p, j) is data[rows[p]+cols[j]]. A matrix is an operand, stored either way round, and so are the patches of an image.
type operand struct {
	data       []float32
	rows, cols []int
	// upright means that consecutive p, not consecutive j, mostly lie side by side in data.
	upright bool
	// near means that rows lie close together, so that tiles may read them in place time and again.
	near bool
}

// matrix fills g from a matrix whose rows are the summation index.
func (g *operand) matrix(m *Matrix, rows, cols *[]int) {
	const small = 1 << 14 // floats that stay in the nearest caches
	down, across := m.Stride, 1
	if m.Transposed {
		down, across = 1, m.Stride
	}
	*g = operand{data: m.Data, rows: arange(rows, m.Rows, down), cols: arange(cols, m.Cols, across),
		upright: m.Transposed, near: m.Rows*m.Stride <= small}
}

// arange returns 0, step, 2·step, ... in the memory of s.
func arange(s *[]int, n, step int) []int {
	out := resize(s, n)
	for i := range out {
		out[i] = i * step
	}
	return out
}

// pack copies rows p0..p1 of columns j0..j1 to dst, whose rows are stride elements long. It may leave anything between
// the last column and the stride.
func (g *operand) pack(dst []float32, stride, p0, p1, j0, j1 int, s *scratch) {
	if p0 >= p1 || j0 >= j1 {
		return
	}
	if g.upright {
		for j := j0; j < j1; j += 16 {
			g.packUpright(dst[j-j0:], stride, stride-(j-j0), p0, p1, j, min(j+16, j1))
		}
		return
	}
	g.packFlat(dst, stride, p0, p1, j0, j1, s)
}

// packFlat copies runs of neighbouring columns by whole vectors. A vector may write past the end of its run, which
// the next run or row corrects; the last row, and rows so near the end of data that a vector would read past it, are
// copied exactly.
func (g *operand) packFlat(dst []float32, stride, p0, p1, j0, j1 int, s *scratch) {
	moves, reach := vectorMoves(g.cols[j0:j1], simd.lanes, resize(&s.moves, j1-j0)[:0])
	rows := g.rows[p0:p1]
	done := 0
	for p := range len(rows) {
		if p == len(rows)-1 || rows[p]+reach > len(g.data) {
			if p > done {
				simd.gather(dst[done*stride:], stride, g.data, rows[done:p], moves)
			}
			g.packRow(dst[p*stride:], rows[p], j0, j1)
			done = p + 1
		}
	}
}

func (g *operand) packRow(dst []float32, row, j0, j1 int) {
	data := g.data[row:]
	for j, c := range g.cols[j0:j1] {
		dst[j] = data[c]
	}
}

// vectorMoves cuts columns into moves of one vector each and says how far past a row's offset they read.
func vectorMoves(cols []int, lanes int, moves [][2]int) ([][2]int, int) {
	reach := 0
	for j := 0; j < len(cols); {
		moves = append(moves, [2]int{cols[j], j})
		reach = max(reach, cols[j]+lanes)
		end := min(j+lanes, len(cols))
		for j++; j < end && cols[j] == cols[j-1]+1; j++ {
		}
	}
	return moves, reach
}

// packUpright transposes up to sixteen columns, each stretch of neighbouring p by itself; room is what is left of the
// stride.
func (g *operand) packUpright(dst []float32, stride, room, p0, p1, j0, j1 int) {
	var cols [16]int
	for i := range cols {
		cols[i] = g.cols[min(j0+i, j1-1)]
	}
	for p := p0; p < p1; {
		end := p + 1
		for end < p1 && g.rows[end] == g.rows[end-1]+1 {
			end++
		}
		transpose(dst[(p-p0)*stride:], stride, room, g.data[g.rows[p]:], &cols, j1-j0, end-p)
		p = end
	}
}
