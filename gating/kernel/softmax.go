package kernel

import "math"

// lineBlock is how many neighbouring lines are gathered at a time where a line's elements are not contiguous:
// as many as a cache line has elements, so that memory is read and written in whole ones.
const lineBlock = 16

// Softmax writes exp(x)/sum exp(x) along the middle axis of outer×n×inner tensors, computed from x minus its maximum.
func Softmax(w *Workers, outer, n, inner int, x, y []float32) {
	eachLine(w, outer, n, inner, [][]float32{x}, y, func(in [][]float32, y []float32) {
		scale := float32(1 / expLine(in[0], y))
		for i := range y {
			y[i] *= scale
		}
	})
}

// LogSoftmax writes x - log(sum exp(x)) along the middle axis of outer×n×inner tensors.
func LogSoftmax(w *Workers, outer, n, inner int, x, y []float32) {
	eachLine(w, outer, n, inner, [][]float32{x}, y, func(in [][]float32, y []float32) {
		sum := math.Log(expLine(in[0], y))
		top := maxRun(in[0])
		for i, v := range in[0] {
			y[i] = float32(float64(v-top) - sum)
		}
	})
}

// SoftmaxBackward writes dx = y·(dy - sum(y·dy)) for y of [Softmax].
func SoftmaxBackward(w *Workers, outer, n, inner int, y, dy, dx []float32) {
	eachLine(w, outer, n, inner, [][]float32{y, dy}, dx, func(in [][]float32, dx []float32) {
		y, dy := in[0], in[1]
		sum := float32(dotRun(y, dy))
		for i, v := range dy {
			dx[i] = y[i] * (v - sum)
		}
	})
}

// LogSoftmaxBackward writes dx = dy - exp(y)·sum(dy) for y of [LogSoftmax].
func LogSoftmaxBackward(w *Workers, outer, n, inner int, y, dy, dx []float32) {
	eachLine(w, outer, n, inner, [][]float32{y, dy}, dx, func(in [][]float32, dx []float32) {
		y, dy := in[0], in[1]
		sum := sumRun(dy)
		for i, v := range dy {
			dx[i] = v - float32(exp64(float64(y[i]))*sum)
		}
	})
}

// expLine writes exp(x - max x) to y and returns its sum.
func expLine(x, y []float32) (sum float64) {
	top := maxRun(x)
	for i, v := range x {
		y[i] = float32(exp64(float64(v - top)))
	}
	return sumRun(y)
}

// eachLine calls body for every line along the middle axis of outer×n×inner tensors, from several goroutines:
// the line of each input, to be read, and of the output, to be written. Lines whose elements lie apart are
// gathered into contiguous memory first.
func eachLine(w *Workers, outer, n, inner int, in [][]float32, out []float32, body func(in [][]float32, out []float32)) {
	if n == 0 || inner == 0 {
		return
	}
	if inner > 1 {
		eachGatheredLine(w, outer, n, inner, in, out, body)
		return
	}
	w.For(outer, max(1, pieceElements/(8*n)), func(lo, hi int) {
		line := make([][]float32, len(in))
		for o := lo; o < hi; o++ {
			for k, v := range in {
				line[k] = v[o*n : (o+1)*n]
			}
			body(line, out[o*n:(o+1)*n])
		}
	})
}

// eachGatheredLine is eachLine for lines with a stride of inner elements.
func eachGatheredLine(w *Workers, outer, n, inner int, in [][]float32, out []float32, body func(in [][]float32, out []float32)) {
	blocks := (inner + lineBlock - 1) / lineBlock
	w.For(outer*blocks, max(1, pieceElements/(8*n*lineBlock)), func(lo, hi int) {
		memory := make([]float32, (len(in)+1)*n*lineBlock)
		line := make([][]float32, len(in))
		for i := lo; i < hi; i++ {
			first := i % blocks * lineBlock
			from, width := i/blocks*n*inner+first, min(lineBlock, inner-first)
			for k, v := range in {
				gatherLines(memory[k*n*lineBlock:], v[from:], n, inner, width)
			}
			result := memory[len(in)*n*lineBlock:]
			for c := range width {
				for k := range in {
					line[k] = memory[(k*lineBlock+c)*n:][:n]
				}
				body(line, result[c*n:][:n])
			}
			scatterLines(out[from:], result, n, inner, width)
		}
	})
}

// gatherLines writes width lines of n elements, which lie stride apart in src, one after another to dst.
func gatherLines(dst, src []float32, n, stride, width int) {
	for i := range n {
		for c, v := range src[i*stride : i*stride+width] {
			dst[c*n+i] = v
		}
	}
}

// scatterLines is the inverse of gatherLines.
func scatterLines(dst, src []float32, n, stride, width int) {
	for i := range n {
		row := dst[i*stride : i*stride+width]
		for c := range row {
			row[c] = src[c*n+i]
		}
	}
}
