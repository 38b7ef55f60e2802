package kernel

// Relu computes dst[i] = max(src[i], 0); NaN stays NaN.
func Relu(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopRelu, elementGrain, 0, 0) }

// ReluBackward computes dx = dy where y, the output of [Relu], is positive, and 0 elsewhere.
func ReluBackward(w *Workers, dx, dy, y []float32) {
	runLoop(w, dx, dy, y, loopReluBackward, elementGrain, 0, 0)
}

// Clip computes dst[i] = min(max(src[i], low), high); NaN stays NaN.
func Clip(w *Workers, dst, src []float32, low, high float32) {
	runLoop(w, dst, src, nil, loopClip, elementGrain, low, high)
}

// ClipBackward computes dx = dy where low <= x <= high, and 0 elsewhere.
func ClipBackward(w *Workers, dx, dy, x []float32, low, high float32) {
	runLoop(w, dx, dy, x, loopClipBackward, elementGrain, low, high)
}

// LeakyRelu computes dst[i] = x where x = src[i] is not negative, else alpha·x.
func LeakyRelu(w *Workers, dst, src []float32, alpha float32) {
	runLoop(w, dst, src, nil, loopLeakyRelu, elementGrain, alpha, 0)
}

// LeakyReluBackward computes dx = dy where x > 0, else alpha·dy.
func LeakyReluBackward(w *Workers, dx, dy, x []float32, alpha float32) {
	runLoop(w, dx, dy, x, loopLeakyReluBackward, elementGrain, alpha, 0)
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
func HardSigmoid(w *Workers, dst, src []float32, alpha, beta float32) {
	runLoop(w, dst, src, nil, loopHardSigmoid, elementGrain, alpha, beta)
}

// HardSigmoidBackward computes dx = alpha·dy where 0 < y < 1 for y of [HardSigmoid], and 0 elsewhere.
func HardSigmoidBackward(w *Workers, dx, dy, y []float32, alpha float32) {
	runLoop(w, dx, dy, y, loopHardSigmoidBackward, elementGrain, alpha, 0)
}

// HardSwish computes dst[i] = x·max(0, min(1, x/6 + 1/2)) for x = src[i].
func HardSwish(w *Workers, dst, src []float32) {
	runLoop(w, dst, src, nil, loopHardSwish, elementGrain, 0, 0)
}

// HardSwishBackward computes dx = dy times the slope of [HardSwish] at x: 0 below -3, 1 above 3, and x/3 + 1/2 from
// one to the other.
func HardSwishBackward(w *Workers, dx, dy, x []float32) {
	runLoop(w, dx, dy, x, loopHardSwishBackward, elementGrain, 0, 0)
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
