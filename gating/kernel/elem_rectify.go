package kernel

// Relu computes dst[i] = max(src[i], 0); NaN stays NaN.
func Relu(w *Workers, dst, src []float32) { run(w, loopRelu, elementGrain, dst, src, nil, 0, 0) }

// ReluGradient computes dx = dy where y, the output of [Relu], is positive, and 0 elsewhere. x is not read.
func ReluGradient(w *Workers, dx, dy, x, y []float32) {
	run(w, loopReluGradient, elementGrain, dx, dy, y, 0, 0)
}

// Clip computes dst[i] = min(max(src[i], low), high); NaN stays NaN.
func Clip(w *Workers, low, high float32, dst, src []float32) {
	run(w, loopClip, elementGrain, dst, src, nil, low, high)
}

// ClipGradient computes dx = dy where low <= x <= high, and 0 elsewhere.
func ClipGradient(w *Workers, low, high float32, dx, dy, x []float32) {
	run(w, loopClipGradient, elementGrain, dx, dy, x, low, high)
}

// LeakyRelu computes dst[i] = x where x = src[i] is not negative, else alpha·x.
func LeakyRelu(w *Workers, alpha float32, dst, src []float32) {
	run(w, loopLeakyRelu, elementGrain, dst, src, nil, alpha, 0)
}

// LeakyReluGradient computes dx = dy where x > 0, else alpha·dy.
func LeakyReluGradient(w *Workers, alpha float32, dx, dy, x []float32) {
	run(w, loopLeakyReluGradient, elementGrain, dx, dy, x, alpha, 0)
}

// PRelu is x where x is not negative, else slope·x, for [Combine] of x and slope.
var PRelu = pReluPair()

// pReluPair takes the vector loop where one slope holds for a row: as a rule there is one a channel.
func pReluPair() *Pair[float32, float32] {
	p := PairOf(func(x, slope float32) float32 {
		if x < 0 {
			return slope * x
		}
		return x
	})
	p.Right = func(dst, x []float32, slope float32) { loops[loopLeakyRelu](dst, x, x, slope, 0) }
	return p
}

// HardSigmoid computes dst[i] = max(0, min(1, alpha·src[i] + beta)).
func HardSigmoid(w *Workers, alpha, beta float32, dst, src []float32) {
	run(w, loopHardSigmoid, elementGrain, dst, src, nil, alpha, beta)
}

// HardSigmoidGradient computes dx = alpha·dy where 0 < y < 1 for y of [HardSigmoid], and 0 elsewhere.
func HardSigmoidGradient(w *Workers, alpha float32, dx, dy, y []float32) {
	run(w, loopHardSigmoidGradient, elementGrain, dx, dy, y, alpha, 0)
}

// HardSwish computes dst[i] = x·max(0, min(1, x/6 + 1/2)) for x = src[i].
func HardSwish(w *Workers, dst, src []float32) {
	run(w, loopHardSwish, elementGrain, dst, src, nil, 0, 0)
}

// HardSwishGradient computes dx = dy times the slope of [HardSwish] at x: 0 below -3, 1 above 3, and x/3 + 1/2 from
// one to the other.
func HardSwishGradient(w *Workers, dx, dy, x []float32) {
	run(w, loopHardSwishGradient, elementGrain, dx, dy, x, 0, 0)
}

func hardSwishSlope(x, _, _ float32) float32 {
	switch {
	case x < -3:
		return 0
	case x > 3:
		return 1
	}
	return x/3 + 0.5
}
