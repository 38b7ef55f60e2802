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
