package kernel

import "math/bits"

// sumBlock is how many products are added up in registers before they go to C. It is part of every result's last bits
// and the same for all processors.
const sumBlock = 384

// leftLimit bounds the packed left operand, in floats.
const leftLimit = 1 << 20

// panels is a left operand, packed: rows are divided evenly among as few tiles as possible, and each tile's rows are
// stored p by p, so a range of p is a range of every panel.
type panels struct {
	data []float32
	m, k int
}

func (l *panels) count() int { return (l.m + simd.tall - 1) / simd.tall }

// rows returns the rows of panel i.
func (l *panels) rows(i int) (lo, hi int) {
	n := l.count()
	return i * l.m / n, (i + 1) * l.m / n
}

func (l *panels) at(i, p int) []float32 { return l.data[(i*l.k+p)*simd.stride:] }

// packPanels fills l with columns j0..j0+m and rows p0..p0+k of g, times alpha.
func packPanels(w *Workers, l *panels, g *operand, p0, k, j0, m int, alpha float32, buf *[]float32) {
	*l = panels{m: m, k: k}
	l.data = resize(buf, l.count()*k*simd.stride)
	w.For(l.count(), 1, func(lo, hi int) {
		s := getScratch()
		defer s.release()
		for i := lo; i < hi; i++ {
			r0, r1 := l.rows(i)
			dst := l.at(i, 0)[:k*simd.stride]
			g.pack(dst, simd.stride, p0, p0+k, j0+r0, j0+r1, s)
			if alpha != 1 {
				for e := range dst {
					dst[e] *= alpha
				}
			}
		}
	})
}

// product is C = left·right, or C += left·right when add is set, plus a bias for each row of C when bias is not nil.
type product struct {
	left  panels
	right operand
	p0    int // the row of right that belongs to the first k of left
	add   bool
	bias  []float32
	out   []float32
	ldc   int
	at    []int // column j of C starts at out[at[j]]; its rows are ldc apart
}

// run computes left panels i0..i1 and columns j0..j1 of C: block by block of p, it packs those columns and then
// takes every left panel over them, so that a left panel stays in the nearest cache and the columns in the next.
func (c *product) run(i0, i1, j0, j1 int, s *scratch) {
	for p := 0; p < c.left.k; p += sumBlock {
		k := min(sumBlock, c.left.k-p)
		mode := tileAdd
		if p == 0 && !c.add {
			mode = tileStore
			if c.bias != nil {
				mode = tileBias
			}
		}
		right := resize(&s.right, (j1-j0+simd.wide)*k)
		for j := j0; j < j1; j += simd.wide {
			if end := min(j+simd.wide, j1); !c.inPlace(j, end, i1-i0) {
				c.right.pack(right[(j-j0)*k:], tileWidth(end-j), c.p0+p, c.p0+p+k, j, end, s)
			}
		}
		for i := i0; i < i1; i++ {
			c.runPanel(i, i1-i0, p, k, mode, right, j0, j1, s)
		}
	}
}

// inPlace says whether tiles read columns j..end from the right operand itself: they must fill a tile and lie side by
// side, and where rows are far apart, packing them must cost more than reading them for the few left panels.
func (c *product) inPlace(j, end, panels int) bool {
	const few = 16
	width := end - j
	return !c.right.upright && width == tileWidth(width) && c.right.cols[end-1]-c.right.cols[j] == width-1 &&
		(c.right.near || panels <= few)
}

func tileWidth(cols int) int {
	if cols <= simd.narrow {
		return simd.narrow
	}
	return simd.wide
}

// runPanel multiplies one left panel by columns j0..j1.
func (c *product) runPanel(i, panels, p, k int, mode tileMode, right []float32, j0, j1 int, s *scratch) {
	r0, r1 := c.left.rows(i)
	left := c.left.at(i, p)
	var bias []float32
	if mode == tileBias {
		bias = c.bias[r0:r1]
	}
	for j := j0; j < j1; j += simd.wide {
		end := min(j+simd.wide, j1)
		width := tileWidth(end - j)
		b, rows := right[(j-j0)*k:], packedRows(width)[:k]
		if c.inPlace(j, end, panels) {
			b, rows = c.right.data[c.right.cols[j]:], c.right.rows[c.p0+p:c.p0+p+k]
		}
		if width == end-j && c.at[end-1]-c.at[j] == width-1 {
			out := c.out[c.at[j]+r0*c.ldc:]
			_ = out[(r1-r0-1)*c.ldc+width-1]
			simd.tile(out, c.ldc, left, simd.stride, b, rows, bias, r1-r0, width, mode)
			continue
		}
		tile := resize(&s.tile, simd.tall*simd.wide)
		simd.tile(tile, width, left, simd.stride, b, rows, bias, r1-r0, width, storeMode(mode))
		c.scatter(tile, width, r0, r1, j, end, mode == tileAdd)
	}
}

// packedRows lists where the rows of a packed panel of the given width begin.
func packedRows(width int) *[sumBlock]int { return &rowTables[bits.TrailingZeros(uint(width))] }

// rowTables holds the rows of panels of every power of two of width.
var rowTables = func() (tables [6][sumBlock]int) {
	for i := range tables {
		for p := range tables[i] {
			tables[i][p] = p << i
		}
	}
	return tables
}()

// storeMode is the mode of a tile that goes to scratch first.
func storeMode(mode tileMode) tileMode {
	if mode == tileAdd {
		return tileStore
	}
	return mode
}

// scatter moves a tile to columns of C that do not lie side by side.
func (c *product) scatter(tile []float32, width, r0, r1, j0, j1 int, add bool) {
	at := c.at[j0:j1]
	for r := r0; r < r1; r++ {
		out, row := c.out[r*c.ldc:], tile[(r-r0)*width:]
		row = row[:len(at)]
		if add {
			for j, v := range row {
				out[at[j]] += v
			}
			continue
		}
		for j, v := range row {
			out[at[j]] = v
		}
	}
}

// runAll computes all of C in parallel. Pieces are a few panels of columns wide; where there are too few columns
// for all threads, rows are divided too.
func (c *product) runAll(w *Workers, n int) {
	const widest = 8
	columns := (n + simd.wide - 1) / simd.wide
	pieces := 4 * w.Threads()
	width := max(1, min(widest, columns/pieces))
	across := (columns + width - 1) / width
	down := max(1, min(c.left.count(), (pieces/2+across-1)/across))
	if w.Threads() == 1 {
		down = 1
	}
	w.For(across*down, 1, func(lo, hi int) {
		s := getScratch()
		defer s.release()
		for t := lo; t < hi; t++ {
			i, j := t%down, t/down*width*simd.wide
			c.run(i*c.left.count()/down, (i+1)*c.left.count()/down, j, min(j+width*simd.wide, n), s)
		}
	})
}
