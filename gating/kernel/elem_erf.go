package kernel

import "math"

// Erf computes the error function of src.
func Erf(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopErf, costlyGrain, 0, 0) }

// ErfBackward computes dx = dy·2/√π·e^(-x²).
func ErfBackward(w *Workers, dx, dy, x []float32) {
	runLoop(w, dx, dy, x, loopErfBackward, costlyGrain, 0, 0)
}

// Gelu computes dst[i] = x/2·(1+erf(x/√2)) for x = src[i] (arXiv 1606.08415).
func Gelu(w *Workers, dst, src []float32) { runLoop(w, dst, src, nil, loopGelu, costlyGrain, 0, 0) }

// GeluBackward computes dx = dy·(Φ(x) + x·φ(x)) with Φ and φ the normal distribution and its density.
func GeluBackward(w *Workers, dx, dy, x []float32) {
	runLoop(w, dx, dy, x, loopGeluBackward, costlyGrain, 0, 0)
}

// GeluTanh computes dst[i] = x/2·(1+tanh(√(2/π)·(x + 0.044715·x³))) for x = src[i].
func GeluTanh(w *Workers, dst, src []float32) {
	runLoop(w, dst, src, nil, loopGeluTanh, costlyGrain, 0, 0)
}

// GeluTanhBackward computes dx = dy times the slope of [GeluTanh] at x.
func GeluTanhBackward(w *Workers, dx, dy, x []float32) {
	runLoop(w, dx, dy, x, loopGeluTanhBackward, costlyGrain, 0, 0)
}

// erf is x·P(x²)/Q(x²) on [-4, 4], the rational function of least relative error, 2.5e-8, there; beyond, erf is ±1 in
// float32.
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

func erfSlope(x, _, _ float32) float32 {
	return float32(2 / math.SqrtPi * exp64(-float64(x)*float64(x)))
}

func gelu(x, _, _ float32) float32 {
	below, _ := normal(float64(x))
	return x * float32(below)
}

func geluSlope(x, _, _ float32) float32 {
	const density = 0.39894228040143267794 // 1/√(2π)
	v := inner(x)
	below, bell := normal(v)
	return float32(below + v*density*bell)
}

// normal returns Φ(x), the part of the normal distribution below x, and e^(-x²/2). The part beyond |x| is
// e^(-x²/2)·t·G(t) with t = 1/(1+0.35·|x|) and G the polynomial of least relative error, 3.2e-8, up to 14.5.
func normal(x float64) (below, bell float64) {
	size := math.Abs(x)
	if size > 20 {
		size = 20
	}
	bell = exp64(size * size * -0.5)
	t := 1 / (1 + 0.35*size)
	g := 0.14403104176011375 + t*-0.02915791132934627
	g = -0.2558392509317055 + t*g
	g = 0.15931997015444974 + t*g
	g = -0.023212536624555868 + t*g
	g = 0.1055525768163643 + t*g
	g = 0.11982126965052567 + t*g
	g = 0.13986351780494752 + t*g
	g = 0.13962130671320144 + t*g
	beyond := g * t * bell
	if x < 0 {
		return beyond, bell
	}
	return 1 - beyond, bell
}

// inner is x, but within ±20: slopes do not change in float32 beyond.
func inner(x float32) float64 { return float64(min(max(x, -20), 20)) }

// The constants of the approximation: √(2/π) and the cubic's.
const (
	geluScale = 0.79788456080286535588
	geluCubic = 0.044715
)

// geluTanh uses 1 + tanh(u) = 2/(1+e^-2u).
func geluTanh(x, _, _ float32) float32 {
	v := float64(x)
	return x * float32(1/(1+exp64(-2*geluScale*v*(1+geluCubic*v*v))))
}

func geluTanhSlope(x, _, _ float32) float32 {
	v := inner(x)
	s := 1 / (1 + exp64(-2*geluScale*v*(1+geluCubic*v*v)))
	return float32(s + v*s*(1-s)*2*geluScale*(1+3*geluCubic*v*v))
}
