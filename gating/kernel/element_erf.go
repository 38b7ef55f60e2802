package kernel

import "math"

// Erf computes the error function of src. The two may be the same slice.
func Erf(w *Workers, dst, src []float32) {
	each(w, dst, src, func(x float32) float32 { return float32(erf(float64(x))) })
}

// Gelu computes dst[i] = x/2·(1+erf(x/√2)) for x = src[i] (arXiv 1606.08415).
func Gelu(w *Workers, dst, src []float32) { each(w, dst, src, gelu) }

// GeluGradient computes dx = dy·(Φ(x) + x·φ(x)) with Φ and φ the normal distribution and its density.
func GeluGradient(w *Workers, dx, dy, x []float32) {
	w.For(len(dx), elementGrain/4, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx[i] = dy[i] * geluSlope(x[i])
		}
	})
}

// GeluTanh computes dst[i] = x/2·(1+tanh(√(2/π)·(x + 0.044715·x³))) for x = src[i].
func GeluTanh(w *Workers, dst, src []float32) { each(w, dst, src, geluTanh) }

// GeluTanhGradient computes dx = dy times the derivative of [GeluTanh].
func GeluTanhGradient(w *Workers, dx, dy, x []float32) {
	w.For(len(dx), elementGrain/4, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx[i] = dy[i] * geluTanhSlope(x[i])
		}
	})
}

// erf is x·P(x²)/Q(x²) on [-4, 4], the rational function of least relative error, 2.5e-8, there; beyond, erf is ±1 in float32.
func erf(x float64) float64 {
	if x >= 4 {
		return 1
	}
	if x <= -4 {
		return -1
	}
	t := x * x
	p := 0.0002845422881699325 + t*1.986580429363464e-06
	p = 0.0038831136294480008 + t*p
	p = 0.05310105574927802 + t*p
	p = 0.19354233448171757 + t*p
	p = 1.1283791395035243 + t*p
	q := 0.0011854789170034489 + t*3.741680249693054e-05
	q = 0.015206834486615528 + t*q
	q = 0.1153485677315693 + t*q
	q = 0.5048549878830783 + t*q
	q = 1 + t*q
	return x * p / q
}

func gelu(x float32) float32 {
	if x < -20 {
		return float32(math.Copysign(0, -1))
	}
	return float32(float64(x) / 2 * (1 + erf(float64(x)*(math.Sqrt2/2))))
}

func geluSlope(x float32) float32 {
	v := float64(x)
	if v < -20 {
		return 0
	}
	const density = 0.39894228040143267794 // 1/√(2π)
	return float32((1+erf(v*(math.Sqrt2/2)))/2 + v*density*exp64(-v*v/2))
}

// The constants of the approximation: √(2/π) and the cubic's.
const (
	geluScale = 0.79788456080286535588
	geluCubic = 0.044715
)

// geluTanh uses 1 + tanh(u) = 2/(1+e^-2u).
func geluTanh(x float32) float32 {
	v := float64(x)
	if v < -20 {
		return float32(math.Copysign(0, -1))
	}
	return float32(v / (1 + exp64(-2*geluScale*v*(1+geluCubic*v*v))))
}

func geluTanhSlope(x float32) float32 {
	v := float64(x)
	switch {
	case v < -20:
		return 0
	case v > 20:
		return 1
	}
	s := 1 / (1 + exp64(-2*geluScale*v*(1+geluCubic*v*v)))
	return float32(s + v*s*(1-s)*2*geluScale*(1+3*geluCubic*v*v))
}
