package kernel

import "math"

// Exp computes dst[i] = e^src[i] to 1.5 units in the last place. The two may be the same slice.
func Exp(w *Workers, dst, src []float32) { run(w, loopExp, costlyGrain, dst, src, nil, 0, 0) }

// Sigmoid computes dst[i] = 1/(1+e^-src[i]). The two may be the same slice.
func Sigmoid(w *Workers, dst, src []float32) { run(w, loopSigmoid, costlyGrain, dst, src, nil, 0, 0) }

// SigmoidGradient computes dx = dy·y·(1-y) for y of [Sigmoid].
func SigmoidGradient(w *Workers, dx, dy, y []float32) {
	run(w, loopSigmoidGradient, elementGrain, dx, dy, y, 0, 0)
}

// Tanh computes the hyperbolic tangent of src. The two may be the same slice.
func Tanh(w *Workers, dst, src []float32) { run(w, loopTanh, costlyGrain, dst, src, nil, 0, 0) }

// TanhGradient computes dx = dy·(1-y²) for y of [Tanh].
func TanhGradient(w *Workers, dx, dy, y []float32) {
	run(w, loopTanhGradient, elementGrain, dx, dy, y, 0, 0)
}

// Swish computes dst[i] = x·sigmoid(alpha·x) for x = src[i]; with alpha 1 it is SiLU.
func Swish(w *Workers, alpha float32, dst, src []float32) {
	run(w, loopSwish, costlyGrain, dst, src, nil, alpha, 0)
}

// SwishGradient computes dx = dy times the slope of [Swish] at x.
func SwishGradient(w *Workers, alpha float32, dx, dy, x []float32) {
	run(w, loopSwishGradient, costlyGrain, dx, dy, x, alpha, 0)
}

// Mish computes dst[i] = x·tanh(ln(1+e^x)) for x = src[i] (arXiv 1908.08681).
func Mish(w *Workers, dst, src []float32) { run(w, loopMish, costlyGrain, dst, src, nil, 0, 0) }

// MishGradient computes dx = dy times the slope of [Mish] at x.
func MishGradient(w *Workers, dx, dy, x []float32) {
	run(w, loopMishGradient, costlyGrain, dx, dy, x, 0, 0)
}

// Softplus computes dst[i] = ln(1+e^src[i]).
func Softplus(w *Workers, dst, src []float32) {
	Map(w, dst, src, func(x float32) float32 { return float32(softplus(float64(x))) })
}

// ExpOf returns e^x.
func ExpOf(x float32) float32 { return exp(x) }

// Expm1Of returns e^x - 1, exact for small x too.
func Expm1Of(x float32) float32 { return float32(expm1(float64(x))) }

// What follows is the arithmetic of the plain loops. It works in double precision on polynomials just long enough for
// float32, which costs a scalar loop no more than single precision. NaN gives NaN, and infinities the limits.

func exp(x float32) float32 { return float32(exp64(float64(x))) }

func sigmoid(x float32) float32 { return float32(1 / (1 + exp64(-float64(x)))) }

// tanh is (e^2x - 1)/(e^2x + 1).
func tanh(x float32) float32 {
	if x > 20 {
		return 1
	}
	if x < -20 {
		return -1
	}
	e := expm1(2 * float64(x))
	return float32(e / (e + 2))
}

func swishSlope(x, alpha, _ float32) float32 {
	s := 1 / (1 + exp64(-float64(alpha)*float64(x)))
	return float32(s + float64(alpha)*float64(x)*s*(1-s))
}

// mishGate is tanh(ln(1+e^x)) = n/(n+2) with n = e^x·(e^x+2).
func mishGate(x float64) float64 {
	u := exp64(min(x, 40))
	n := u * (u + 2)
	return n / (n + 2)
}

func mishSlope(x, _, _ float32) float32 {
	v := float64(finite(x))
	t := mishGate(v)
	return float32(t + v*((1-t*t)/(1+exp64(-v))))
}

// softplus is max(x, 0) + ln(1+e^-|x|).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(exp64(-math.Abs(x))) }

// exp64 is e^x to 2e-10 relative for |x| < 700, and within float32's zero and infinity beyond.
func exp64(x float64) float64 {
	scale, m := expParts(x)
	return scale + scale*m
}

// expm1 is e^x - 1 to 3e-10 relative.
func expm1(x float64) float64 {
	scale, m := expParts(x)
	return (scale - 1) + scale*m
}

// expParts returns 2^k and 2^r - 1 for x = (k+r)·ln 2 with k whole and |r| <= 1/2. The polynomial is the Chebyshev
// approximation of (2^r-1)/r, of relative error 1.7e-10.
func expParts(x float64) (scale, m float64) {
	const round = 3 << 51 // adding it leaves no bits for a fraction
	if x > 700 {
		x = 700
	}
	if x < -700 {
		x = -700
	}
	t := x * math.Log2E
	k := (t + round) - round
	r := t - k
	p := 0.000154614446985691291 + r*0.0000152973237607010741
	p = 0.00133335023861627707 + r*p
	p = 0.00961805667852463808 + r*p
	p = 0.0555041088390961839 + r*p
	p = 0.240226509222887581 + r*p
	p = 0.693147180559945309 + r*p
	return math.Float64frombits(uint64(int64(k)+1023) << 52), r * p
}
