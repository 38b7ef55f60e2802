package kernel

import "math"

// Exp computes dst[i] = e^src[i] to 1.5 units in the last place.
func Exp(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopExp, costlyGrain, 0, 0) }

// Sigmoid computes dst[i] = 1/(1+e^-src[i]).
func Sigmoid(w *Workers, dst, src []float32) {
	runLoop(w, dst, src, nil, loopSigmoid, costlyGrain, 0, 0)
}

// SigmoidBackward computes dx = dy·y·(1-y) for y of [Sigmoid].
func SigmoidBackward(w *Workers, dx, dy, y []float32) {
	runLoop(w, dx, dy, y, loopSigmoidBackward, elementGrain, 0, 0)
}

// Tanh computes the hyperbolic tangent of src.
func Tanh(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopTanh, costlyGrain, 0, 0) }

// TanhBackward computes dx = dy·(1-y²) for y of [Tanh].
func TanhBackward(w *Workers, dx, dy, y []float32) {
	runLoop(w, dx, dy, y, loopTanhBackward, elementGrain, 0, 0)
}

// Swish computes dst[i] = x·sigmoid(alpha·x) for x = src[i]; with alpha 1 it is SiLU.
func Swish(w *Workers, dst, src []float32, alpha float32) {
	runLoop(w, dst, src, nil, loopSwish, costlyGrain, alpha, 0)
}

// SwishBackward computes dx = dy times the slope of [Swish] at x.
func SwishBackward(w *Workers, dx, dy, x []float32, alpha float32) {
	runLoop(w, dx, dy, x, loopSwishBackward, costlyGrain, alpha, 0)
}

// Mish computes dst[i] = x·tanh(ln(1+e^x)) for x = src[i] (arXiv 1908.08681).
func Mish(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopMish, costlyGrain, 0, 0) }

// MishBackward computes dx = dy times the slope of [Mish] at x.
func MishBackward(w *Workers, dx, dy, x []float32) {
	runLoop(w, dx, dy, x, loopMishBackward, costlyGrain, 0, 0)
}

// Softplus computes dst[i] = ln(1+e^src[i]).
func Softplus(w *Workers, dst, src []float32) {
	runLoop(w, dst, src, nil, loopSoftplus, costlyGrain, 0, 0)
}

// Elu computes dst[i] = x where x = src[i] is positive, else alpha·(e^(rate·x) - 1), for rate > 0.
func Elu(w *Workers, dst, src []float32, alpha, rate float32) {
	runLoop(w, dst, src, nil, loopElu, costlyGrain, alpha, rate)
}

// EluBackward computes dx = dy where x > 0, else dy·alpha·rate·e^(rate·x): dy times the slope of [Elu] at x.
func EluBackward(w *Workers, dx, dy, x []float32, alpha, rate float32) {
	runLoop(w, dx, dy, x, loopEluBackward, costlyGrain, alpha*rate, rate)
}

// Expm1Of returns e^x - 1 to 1 unit in the last place, of small x too.
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
	v := float64(x)
	t := mishGate(v)
	return float32(t + v*((1-t*t)/(1+exp64(-v))))
}

// softplus is max(x, 0) + ln(1+t) for t = e^-|x|. The polynomial is the Chebyshev approximation of ln(1+t)/t, of
// relative error 5e-9.
func softplus(x, _, _ float32) float32 {
	t := exp64(-math.Abs(float64(x)))
	p := 0.019542527261 + t*-0.00317605701843
	p = -0.0563736128301 + t*p
	p = 0.105436237954 + t*p
	p = -0.152696670744 + t*p
	p = 0.196632742572 + t*p
	p = -0.249516162629 + t*p
	p = 0.333297104989 + t*p
	p = -0.499998926481 + t*p
	p = 0.999999994656 + t*p
	return float32(max(float64(x), 0) + t*p)
}

func exponentialUnit(x, alpha, rate float32) float32 {
	if x > 0 {
		return x
	}
	return float32(float64(alpha) * expm1(float64(rate)*float64(x)))
}

// eluSlope takes alpha·rate for its second argument.
func eluSlope(x, alpha, rate float32) float32 {
	if x > 0 {
		return 1
	}
	return float32(float64(alpha) * exp64(float64(rate)*float64(x)))
}

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
