package kernel

import "math"

// The functions here work in double precision on polynomials just long enough for float32, which costs a scalar
// loop no more than single precision and makes results right to the last bit but for rare ties. NaN gives
// NaN, and infinities give the limits.

// Exp computes dst[i] = e^src[i]. The two may be the same slice.
func Exp(w *Workers, dst, src []float32) { each(w, dst, src, exp) }

// Sigmoid computes dst[i] = 1/(1+e^-src[i]). The two may be the same slice.
func Sigmoid(w *Workers, dst, src []float32) { each(w, dst, src, sigmoid) }

// Tanh computes the hyperbolic tangent of src. The two may be the same slice.
func Tanh(w *Workers, dst, src []float32) { each(w, dst, src, tanh) }

// Expm1 computes dst[i] = e^src[i] - 1, exact for small src[i] too. The two may be the same slice.
func Expm1(w *Workers, dst, src []float32) {
	each(w, dst, src, Expm1Of)
}

// Swish computes dst[i] = x·sigmoid(alpha·x) for x = src[i]; with alpha 1 it is SiLU.
func Swish(w *Workers, alpha float32, dst, src []float32) {
	each(w, dst, src, func(x float32) float32 {
		if math.IsInf(float64(x), -1) && alpha > 0 {
			return 0
		}
		return x * sigmoid(alpha*x)
	})
}

// SwishGradient computes dx = dy·d/dx x·sigmoid(alpha·x).
func SwishGradient(w *Workers, alpha float32, dx, dy, x []float32) {
	MapGradient(w, dx, dy, x, x, func(x, _ float32) float32 {
		s := sigmoid(alpha * x)
		return s + alpha*x*s*(1-s)
	})
}

// Softplus computes dst[i] = ln(1+e^src[i]).
func Softplus(w *Workers, dst, src []float32) {
	each(w, dst, src, func(x float32) float32 { return float32(softplus(float64(x))) })
}

// Mish computes dst[i] = x·tanh(ln(1+e^x)) for x = src[i] (arXiv 1908.08681).
func Mish(w *Workers, dst, src []float32) {
	each(w, dst, src, func(x float32) float32 {
		if x < -100 {
			return float32(math.Copysign(0, -1))
		}
		return float32(float64(x) * mishGate(float64(x)))
	})
}

// MishGradient computes dx = dy·d/dx x·tanh(ln(1+e^x)).
func MishGradient(w *Workers, dx, dy, x []float32) {
	MapGradient(w, dx, dy, x, x, func(x, _ float32) float32 {
		if x < -100 {
			return 0
		}
		t := mishGate(float64(x))
		return float32(t + float64(x)*(1-t*t)/(1+exp64(-float64(x))))
	})
}

// mishGate is tanh(ln(1+e^x)) = (u²+2u)/(u²+2u+2) for u = e^x.
func mishGate(x float64) float64 {
	u := exp64(min(x, 40))
	n := u * (u + 2)
	return n / (n + 2)
}

// each is Map for functions of this package, all but free of calls once the compiler has seen f.
func each(w *Workers, dst, src []float32, f func(float32) float32) {
	w.For(len(dst), elementGrain/4, func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = f(v)
		}
	})
}

// ExpOf returns e^x.
func ExpOf(x float32) float32 { return exp(x) }

// Expm1Of returns e^x - 1, exact for small x too.
func Expm1Of(x float32) float32 { return float32(expm1(float64(x))) }

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
