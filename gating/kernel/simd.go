package kernel

import "os"

// instructions is the set of inner loops for one kind of processor. Slices must be as long as the loops
// read and write: nothing below this line checks bounds.
type instructions struct {
	name   string
	lanes  int // floats that gather moves at once
	tall   int // rows of the tallest tile
	stride int // floats between consecutive k in a packed left panel, at least tall
	narrow int // columns of the narrow tile
	wide   int // columns of the wide tile, and of packed right panels

	// tile computes an h×w block of C, w being narrow or wide: C = A·B, or C += A·B, or C = A·B + bias by mode. It
	// sums over p in rows; row p of A begins at a[p·step] and row p of B at b[rows[p]].
	tile tileLoop
	// gather writes, for every offset in rows, vectors of lanes floats from src[row+move[0]] to dst[move[1]], in
	// order, and then goes on by stride in dst.
	gather func(dst []float32, stride int, src []float32, rows []int, moves [][2]int)
	// transpose8 writes 8 rows of n floats, n a positive multiple of 8, as n rows of 8, stride apart.
	transpose8 func(dst []float32, stride int, src []float32, rows *[8]int, n int)
	// transpose16 is the same for sixteen rows; nil where registers are too short for it.
	transpose16 func(dst []float32, stride int, src []float32, rows *[16]int, n int)

	// copySegments copies dst[to:to+n] = src[from:from+n], gatherStride2 dst[to+i] = src[from+2i] and scatterStride2
	// dst[to+2i] = src[from+i] for i below n, for all segments.
	copySegments, gatherStride2, scatterStride2 func(dst, src []float32, list []segment)

	// The following take lengths that are positive multiples of 64.

	axpy func(y, x []float32, alpha float32) // adds alpha·x to y
	mix  func(lo, hi int, dst, coefs []float32, ws [][]float32)
	dot  func(lanes *[16]float32, x, y []float32) // adds 16 partial sums to lanes
	sum  func(lanes *[16]float32, x []float32)    // adds 16 partial sums to lanes
	taps func(n int, dst, src []float32, offsets []int, weights []float32, bias float32)
	// maxTaps writes the greatest of src[i+offsets[t]] and its first t; a NaN counts as greater than all but a NaN.
	maxTaps func(n int, best []float32, tap []int32, src []float32, offsets []int)
}

// tileLoop is the signature of instructions.tile.
type tileLoop func(c []float32, ldc int, a []float32, step int, b []float32, rows []int, bias []float32, h, w int,
	mode tileMode)

// segment is a stretch of n elements, n > 0, on its way from one layout to another.
type segment struct{ to, from, n int }

// tileMode says what a tile does with what C holds.
type tileMode int

const (
	tileStore tileMode = iota
	tileAdd
	tileBias
)

// block is the length in floats of one round of the streaming loops.
const block = 64

// simd is what all kernels use. SOFTMERGE_KERNEL names another set than the fastest: generic, avx2 or avx512;
// one that the processor lacks, or an unknown name, is ignored.
var simd = choose(os.Getenv("SOFTMERGE_KERNEL"))

func choose(name string) *instructions {
	all := available()
	for _, s := range all {
		if s.name == name {
			return s
		}
	}
	return all[0]
}

// Instructions names the set of inner loops in use: generic, avx2 or avx512. Sets round
// differently, so results are the same to the bit only with the same set.
func Instructions() string { return simd.name }
