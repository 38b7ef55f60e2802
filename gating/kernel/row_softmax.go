package kernel

import "math"

// lineBlock is how many neighbouring lines are gathered at a time where a line's elements are not contiguous: a few
// cache lines of elements, so that memory is read and written in whole ones.
const lineBlock = 64

// Softmax writes exp(x)/sum exp(x) along the middle axis of outer×n×inner tensors, computed from x minus its maximum.
// y may be x. A line of nothing but -Inf, and one with NaN, gives NaN; other elements of -Inf give 0.
func Softmax(w *Workers, y, x []float32, outer, n, inner int) {
	eachLine(w, y, [][]float32{x}, outer, n, inner, func(y []float32, in [][]float32) {
		_, sum := expLine(y, in[0])
		loops[loopMulOne](y, y, y, float32(1/sum), 0)
	})
}

// LogSoftmax writes x - log(sum exp(x)) along the middle axis of outer×n×inner tensors. y may be x.
func LogSoftmax(w *Workers, y, x []float32, outer, n, inner int) {
	eachLine(w, y, [][]float32{x}, outer, n, inner, func(y []float32, in [][]float32) {
		top, sum := expLine(y, in[0])
		loops[loopAddOne](y, in[0], in[0], -top, 0)
		loops[loopAddOne](y, y, y, float32(-math.Log(sum)), 0)
	})
}

// SoftmaxBackward writes dx = y·(dy - sum(y·dy)) for y of [Softmax]. dx may be dy.
func SoftmaxBackward(w *Workers, dx, dy, y []float32, outer, n, inner int) {
	eachLine(w, dx, [][]float32{y, dy}, outer, n, inner, func(dx []float32, in [][]float32) {
		y, dy := in[0], in[1]
		loops[loopAddOne](dx, dy, dy, float32(-dotRun(y, dy)), 0)
		loops[loopMul](dx, dx, y, 0, 0)
	})
}

// LogSoftmaxBackward writes dx = dy - exp(y)·sum(dy) for y of [LogSoftmax].
func LogSoftmaxBackward(w *Workers, dx, dy, y []float32, outer, n, inner int) {
	eachLine(w, dx, [][]float32{y, dy}, outer, n, inner, func(dx []float32, in [][]float32) {
		y, dy := in[0], in[1]
		loops[loopExp](dx, y, y, 0, 0)
		loops[loopMulOne](dx, dx, dx, float32(sumRun(dy)), 0)
		loops[loopSub](dx, dy, dx, 0, 0)
	})
}

// expLine writes exp(x - top) to y, top being the greatest x, and returns top and the sum of y.
func expLine(y, x []float32) (top float32, sum float64) {
	top = greatestOf(x)
	loops[loopAddOne](y, x, x, -top, 0)
	loops[loopExp](y, y, y, 0, 0)
	return top, sumRun(y)
}

// lineFunc computes one line of a result from the same line of every input.
type lineFunc func(out []float32, in [][]float32)

// eachLine calls body for every line along the middle axis of outer×n×inner tensors, from several goroutines:
// the line of each input, to be read, and of the output, to be written. Lines whose elements lie apart are
// gathered into contiguous memory first.
func eachLine(w *Workers, out []float32, in [][]float32, outer, n, inner int, body lineFunc) {
	if n == 0 || inner == 0 {
		return
	}
	if inner > 1 {
		eachGatheredLine(w, out, in, outer, n, inner, body)
		return
	}
	w.For(outer, max(1, pieceElements/(8*n)), func(lo, hi int) {
		line := make([][]float32, len(in))
		for o := lo; o < hi; o++ {
			for k, v := range in {
				line[k] = v[o*n : (o+1)*n]
			}
			body(out[o*n:(o+1)*n], line)
		}
	})
}

// eachGatheredLine is eachLine for lines with a stride of inner elements.
func eachGatheredLine(w *Workers, out []float32, in [][]float32, outer, n, inner int, body lineFunc) {
	blocks := (inner + lineBlock - 1) / lineBlock
	w.For(outer*blocks, max(1, pieceElements/(8*n*lineBlock)), func(lo, hi int) {
		memory := make([]float32, (len(in)+1)*n*lineBlock)
		line := make([][]float32, len(in))
		for i := lo; i < hi; i++ {
			first := i % blocks * lineBlock
			from, width := i/blocks*n*inner+first, min(lineBlock, inner-first)
			for k, v := range in {
				transposeBand(memory[k*n*lineBlock:], v[from:], width, n, n, inner)
			}
			result := memory[len(in)*n*lineBlock:]
			for c := range width {
				for k := range in {
					line[k] = memory[(k*lineBlock+c)*n:][:n]
				}
				body(result[c*n:][:n], line)
			}
			transposeBand(out[from:], result, n, width, inner, n)
		}
	})
}
