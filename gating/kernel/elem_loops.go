package kernel

import "math"

// elementwise is a loop: a function of a and b, as long as dst, and of the numbers p and q: dst[i] = f(a[i], b[i], p,
// q). A loop that does not need all of these does not look at the rest. dst may be a or b.
type elementwise func(dst, a, b []float32, p, q float32)

// loopKind names a loop.
type loopKind int

// The loops. A backward loop takes dy in a, and in b the function's input, or its output where the comment says so.
const (
	loopAdd     loopKind = iota // a + b
	loopAddOne                  // a + p
	loopSub                     // a - b
	loopSubOne                  // a - p
	loopSubFrom                 // p - a
	loopMul                     // a·b
	loopMulOne                  // a·p
	loopDiv                     // a / b
	loopDivOne                  // a / p
	loopDivInto                 // p / a
	loopSqrt
	loopSqrtBackward        // b is the output
	loopReciprocalBackward  // b is the output
	loopRelu                // max(a, 0)
	loopReluBackward        // b is the output
	loopClip                // min(max(a, p), q)
	loopClipBackward        // a where p <= b <= q, else 0
	loopLeakyRelu           // slope p below 0
	loopLeakyReluBackward   // slope p at 0 and below
	loopHardSigmoid         // max(0, min(1, p·a + q))
	loopHardSigmoidBackward // b is the output
	loopHardSwish           // a·max(0, min(1, a/6 + 1/2))
	loopHardSwishBackward
	loopExp
	loopSigmoid
	loopSigmoidBackward // b is the output
	loopTanh
	loopTanhBackward // b is the output
	loopSwish        // a·sigmoid(p·a)
	loopSwishBackward
	loopMish
	loopMishBackward
	loopSoftplus
	loopElu         // p·(e^(q·a)-1) below 0
	loopEluBackward // p·e^(q·b) at 0 and below
	loopErf
	loopErfBackward
	loopGelu
	loopGeluBackward
	loopGeluTanh
	loopGeluTanhBackward
	loopCount
)

// loops are the loops for this processor.
var loops = fastLoops(simd.name)

// lineLoop computes rows lines of n elements, one after another in dst, from operands whose lines begin da and db
// elements apart. In b there is one number a line where the loop's name says so.
type lineLoop func(rows, n int, dst, a, b []float32, da, db int)

// run shares a loop out. b may be nil.
func runLoop(w *Workers, dst, a, b []float32, kind loopKind, grain int, p, q float32) {
	if b == nil {
		b = a
	}
	f := loops[kind]
	w.For(len(dst), grain, func(lo, hi int) { f(dst[lo:hi], a[lo:hi], b[lo:hi], p, q) })
}

// costlyGrain is the grain of loops that compute exponentials.
const costlyGrain = 1 << 12

// plainLoops are in plain Go, for every processor.
var plainLoops = [loopCount]elementwise{
	loopAdd:     func(dst, a, b []float32, _, _ float32) { addBoth(dst, a, b) },
	loopAddOne:  func(dst, a, _ []float32, p, _ float32) { addRight(dst, a, p) },
	loopSub:     func(dst, a, b []float32, _, _ float32) { subBoth(dst, a, b) },
	loopSubOne:  func(dst, a, _ []float32, p, _ float32) { addRight(dst, a, -p) },
	loopSubFrom: func(dst, a, _ []float32, p, _ float32) { subLeft(dst, p, a) },
	loopMul:     func(dst, a, b []float32, _, _ float32) { mulBoth(dst, a, b) },
	loopMulOne:  func(dst, a, _ []float32, p, _ float32) { mulRight(dst, a, p) },
	loopDiv:     func(dst, a, b []float32, _, _ float32) { divBoth(dst, a, b) },
	loopDivOne:  func(dst, a, _ []float32, p, _ float32) { divRight(dst, a, p) },
	loopDivInto: func(dst, a, _ []float32, p, _ float32) { divLeft(dst, p, a) },

	loopSqrt:               plainUnary(func(x, _, _ float32) float32 { return float32(math.Sqrt(float64(x))) }),
	loopSqrtBackward:       func(dst, a, b []float32, _, _ float32) { divBoth(dst, a, b); mulRight(dst, dst, 0.5) },
	loopReciprocalBackward: plainBackward(func(y, _, _ float32) float32 { return -y * y }),

	loopRelu:                plainUnary(func(x, _, _ float32) float32 { return max(x, 0) }),
	loopReluBackward:        plainGate(func(y, _, _ float32) float32 { return step(y > 0, 1, 0) }),
	loopClip:                plainUnary(func(x, p, q float32) float32 { return min(max(x, p), q) }),
	loopClipBackward:        plainGate(func(x, p, q float32) float32 { return step(x >= p && x <= q, 1, 0) }),
	loopLeakyRelu:           plainUnary(func(x, p, _ float32) float32 { return x * step(x < 0, p, 1) }),
	loopLeakyReluBackward:   plainBackward(func(x, p, _ float32) float32 { return step(x > 0, 1, p) }),
	loopHardSigmoid:         plainUnary(func(x, p, q float32) float32 { return max(0, min(1, p*x+q)) }),
	loopHardSigmoidBackward: plainGate(func(y, p, _ float32) float32 { return step(y > 0 && y < 1, p, 0) }),
	loopHardSwish:           plainUnary(func(x, _, _ float32) float32 { return x * max(0, min(1, x/6+0.5)) }),
	loopHardSwishBackward:   plainGate(hardSwishSlope),

	loopExp:              plainUnary(func(x, _, _ float32) float32 { return exp(x) }),
	loopSigmoid:          plainUnary(func(x, _, _ float32) float32 { return sigmoid(x) }),
	loopSigmoidBackward:  plainBackward(func(y, _, _ float32) float32 { return y * (1 - y) }),
	loopTanh:             plainUnary(func(x, _, _ float32) float32 { return tanh(x) }),
	loopTanhBackward:     plainBackward(func(y, _, _ float32) float32 { return 1 - y*y }),
	loopSwish:            plainUnary(func(x, p, _ float32) float32 { return x * sigmoid(p*x) }),
	loopSwishBackward:    plainBackward(swishSlope),
	loopMish:             plainUnary(func(x, _, _ float32) float32 { return x * float32(mishGate(float64(x))) }),
	loopMishBackward:     plainBackward(mishSlope),
	loopSoftplus:         plainUnary(softplus),
	loopElu:              plainUnary(exponentialUnit),
	loopEluBackward:      plainBackward(eluSlope),
	loopErf:              plainUnary(func(x, _, _ float32) float32 { return float32(erf(float64(x))) }),
	loopErfBackward:      plainBackward(erfSlope),
	loopGelu:             plainUnary(gelu),
	loopGeluBackward:     plainBackward(geluSlope),
	loopGeluTanh:         plainUnary(geluTanh),
	loopGeluTanhBackward: plainBackward(geluTanhSlope),
}

// plainUnary is the loop of a function of one element and the two numbers.
func plainUnary(f func(x, p, q float32) float32) elementwise {
	return func(dst, a, _ []float32, p, q float32) {
		for i, v := range a[:len(dst)] {
			dst[i] = f(v, p, q)
		}
	}
}

// plainBackward is the loop of dy, in a, times a slope at b.
func plainBackward(slope func(x, p, q float32) float32) elementwise {
	return func(dst, a, b []float32, p, q float32) {
		for i, v := range b[:len(dst)] {
			dst[i] = a[i] * slope(v, p, q)
		}
	}
}

// plainGate is plainBackward of functions that are constant somewhere: an element without slope gets 0 whatever dy is.
func plainGate(slope func(x, p, q float32) float32) elementwise {
	return func(dst, a, b []float32, p, q float32) {
		for i, v := range b[:len(dst)] {
			s := slope(v, p, q)
			if s == 0 {
				dst[i] = 0
				continue
			}
			dst[i] = a[i] * s
		}
	}
}

// step is yes or no.
func step(c bool, yes, no float32) float32 {
	if c {
		return yes
	}
	return no
}

// Arithmetic in plain Go.

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
