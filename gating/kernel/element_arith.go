package kernel

// The arithmetic of two float32 operands, for [Combine].
var (
	Add = &Pair[float32, float32]{Both: addBoth, Right: addRight, Left: func(dst []float32, a float32, b []float32) { addRight(dst, b, a) }}
	Sub = &Pair[float32, float32]{Both: subBoth, Right: func(dst, a []float32, b float32) { addRight(dst, a, -b) }, Left: subLeft}
	Mul = &Pair[float32, float32]{Both: mulBoth, Right: mulRight, Left: func(dst []float32, a float32, b []float32) { mulRight(dst, b, a) }}
	Div = &Pair[float32, float32]{Both: divBoth, Right: divRight, Left: divLeft}
)

func addBoth(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func addRight(dst, a []float32, b float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b
	}
}

func subBoth(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func subLeft(dst []float32, a float32, b []float32) {
	b = b[:len(dst)]
	for i := range dst {
		dst[i] = a - b[i]
	}
}

func mulBoth(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func mulRight(dst, a []float32, b float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b
	}
}

func divBoth(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

func divRight(dst, a []float32, b float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] / b
	}
}

func divLeft(dst []float32, a float32, b []float32) {
	b = b[:len(dst)]
	for i := range dst {
		dst[i] = a / b[i]
	}
}

// Map computes dst[i] = f(src[i]); f is called once an element.
func Map[T, U any](w *Workers, dst []U, src []T, f func(T) U) {
	w.For(len(dst), elementGrain, func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = f(v)
		}
	})
}

// MapGradient computes dx[i] = dy[i]·slope(x[i], y[i]) for y = f(x), where slope is the derivative of f in terms of both.
func MapGradient(w *Workers, dx, dy, x, y []float32, slope func(x, y float32) float32) {
	w.For(len(dx), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx[i] = dy[i] * slope(x[i], y[i])
		}
	})
}

// Relu computes dst[i] = max(src[i], 0); NaN stays NaN.
func Relu(w *Workers, dst, src []float32) {
	w.For(len(dst), elementGrain, func(lo, hi int) {
		dst := dst[lo:hi]
		for i, v := range src[lo:hi] {
			dst[i] = max(v, 0)
		}
	})
}

// ReluGradient computes dx = dy where y, the output of [Relu], is positive, and 0 elsewhere. x is not read.
func ReluGradient(w *Workers, dx, dy, x, y []float32) {
	w.For(len(dx), elementGrain, func(lo, hi int) {
		dx, dy, y := dx[lo:hi], dy[lo:hi], y[lo:hi]
		for i := range dx {
			if y[i] > 0 {
				dx[i] = dy[i]
			} else {
				dx[i] = 0
			}
		}
	})
}

// Clip computes dst[i] = min(max(src[i], low), high); NaN stays NaN.
func Clip(w *Workers, low, high float32, dst, src []float32) {
	w.For(len(dst), elementGrain, func(lo, hi int) {
		dst := dst[lo:hi]
		for i, v := range src[lo:hi] {
			dst[i] = min(max(v, low), high)
		}
	})
}

// ClipGradient computes dx = dy where low <= x <= high, and 0 elsewhere.
func ClipGradient(w *Workers, low, high float32, dx, dy, x []float32) {
	w.For(len(dx), elementGrain, func(lo, hi int) {
		dx, dy := dx[lo:hi], dy[lo:hi]
		for i, v := range x[lo:hi] {
			if v >= low && v <= high {
				dx[i] = dy[i]
			} else {
				dx[i] = 0
			}
		}
	})
}

// Scale computes dst = factor·src. The two may be the same slice.
func Scale(w *Workers, factor float32, dst, src []float32) {
	w.For(len(dst), elementGrain, func(lo, hi int) { mulRight(dst[lo:hi], src[lo:hi], factor) })
}
