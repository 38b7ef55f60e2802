package kernel

import "math"

// The arithmetic of two float32 operands, for [Combine].
var (
	Add = loopPair(loopAdd, loopAddOne, loopAddOne)
	Sub = loopPair(loopSub, loopSubOne, loopSubFrom)
	Mul = loopPair(loopMul, loopMulOne, loopMulOne)
	Div = divPair()
)

// divPair divides by a power of two by multiplying with its inverse, which gives the same numbers sooner: attention
// scores are divided by such.
func divPair() *Pair[float32, float32] {
	p := loopPair(loopDiv, loopDivOne, loopDivInto)
	divide := p.Right
	p.Right = func(dst, a []float32, b float32) {
		if isPowerOfTwo(b) {
			loops[loopMulOne](dst, a, a, 1/b, 0)
			return
		}
		divide(dst, a, b)
	}
	return p
}

// isPowerOfTwo says whether the inverse of v is exact and neither is subnormal.
func isPowerOfTwo(v float32) bool {
	bits := math.Float32bits(v)
	exponent := bits >> 23 & 255
	return bits<<9 == 0 && exponent > 0 && exponent < 254
}

// loopPair makes the forms of a pair of loops: of two vectors, and of a vector with one number on its right and left.
func loopPair(both, right, left loopKind) *Pair[float32, float32] {
	p := &Pair[float32, float32]{
		Both:  func(dst, a, b []float32) { loops[both](dst, a, b, 0, 0) },
		Right: func(dst, a []float32, b float32) { loops[right](dst, a, a, b, 0) },
		Left:  func(dst []float32, a float32, b []float32) { loops[left](dst, b, b, a, 0) },
	}
	if f := lines(both); f != nil {
		p.lines = [3]func(rows, n int, dst, a, b []float32, da, db int){f, lines(right), lines(left)}
	}
	return p
}

// Scale computes dst = factor·src.
func Scale(w *Workers, dst, src []float32, factor float32) {
	runLoop(w, dst, src, nil, loopMulOne, elementGrain, factor, 0)
}

// Product computes dst = a·b of equally long slices. dst may be a or b.
func Product(w *Workers, dst, a, b []float32) { runLoop(w, dst, a, b, loopMul, elementGrain, 0, 0) }

// Sqrt computes dst[i] = √src[i].
func Sqrt(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopSqrt, elementGrain, 0, 0) }

// SqrtBackward computes dx = dy/2y for y of [Sqrt].
func SqrtBackward(w *Workers, dx, dy, y []float32) {
	runLoop(w, dx, dy, y, loopSqrtBackward, elementGrain, 0, 0)
}

// Reciprocal computes dst[i] = 1/src[i].
func Reciprocal(w *Workers, dst, src []float32) {
	runLoop(w, dst, src, nil, loopDivInto, elementGrain, 1, 0)
}

// ReciprocalBackward computes dx = -dy·y² for y of [Reciprocal].
func ReciprocalBackward(w *Workers, dx, dy, y []float32) {
	runLoop(w, dx, dy, y, loopReciprocalBackward, elementGrain, 0, 0)
}

// Map computes dst[i] = f(src[i]); f is called once an element.
func Map[T, U any](w *Workers, dst []U, src []T, f func(T) U) {
	w.For(len(dst), elementGrain, func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = f(v)
		}
	})
}

// MapBackward computes dx[i] = dy[i]·slope(x[i], y[i]) for y = f(x), where slope is the derivative of f in terms of
// both.
func MapBackward(w *Workers, dx, dy, x, y []float32, slope func(x, y float32) float32) {
	w.For(len(dx), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx[i] = dy[i] * slope(x[i], y[i])
		}
	})
}
