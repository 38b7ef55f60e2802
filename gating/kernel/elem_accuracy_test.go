package kernel

import (
	"math"
	"testing"
)

// The plain loops work in double precision on polynomials whose errors their comments state: these are the statements.

// worstRelative returns the greatest relative error of f against want on a range, and where it is.
func worstRelative(f, want func(x float64) float64, lo, hi, step float64) (worst, at float64) {
	for x := lo; x <= hi; x += step {
		w := want(x)
		if w == 0 {
			continue
		}
		if e := math.Abs(f(x)-w) / math.Abs(w); !(e <= worst) {
			worst, at = e, x
		}
	}
	return worst, at
}

func TestPolynomialsAreAsGoodAsTheySay(t *testing.T) {
	for _, c := range []struct {
		name         string
		f, want      func(x float64) float64
		lo, hi, step float64
		limit        float64
	}{
		{"exp64", exp64, math.Exp, -699, 699, 0.0137, 2.2e-10},
		{"exp64 near 0", exp64, math.Exp, -1, 1, 1e-4, 2e-10},
		{"expm1", expm1, math.Expm1, -40, 40, 0.0019, 4e-10},
		{"expm1 near 0", expm1, math.Expm1, 1e-12, 1e-3, 1e-7, 4e-10},
		{"erf", erf, math.Erf, -4, 4, 0.00013, 3e-8},
		{"normal below 0", func(x float64) float64 { below, _ := normal(x); return below },
			func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }, -14, -1e-9, 0.0017, 4e-8},
		{"normal above 0", func(x float64) float64 { below, _ := normal(x); return below },
			func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }, 0, 14, 0.0017, 4e-8},
		{"bell", func(x float64) float64 { _, bell := normal(x); return bell },
			func(x float64) float64 { return math.Exp(-x * x / 2) }, -20, 20, 0.0031, 3e-10},
	} {
		if worst, at := worstRelative(c.f, c.want, c.lo, c.hi, c.step); worst > c.limit {
			t.Errorf("%s is %.2g off at %g, more than %.2g", c.name, worst, at, c.limit)
		}
	}
}

// TestPolynomialsAtTheirEnds checks what lies beyond the ranges: the limits in float32, and NaN.
func TestPolynomialsAtTheirEnds(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"exp of 1000", float64(exp(1000)), inf}, {"exp of -1000", float64(exp(-1000)), 0},
		{"exp of Inf", float64(exp(inf32)), inf}, {"exp of -Inf", float64(exp(-inf32)), 0},
		{"erf of 5", erf(5), 1}, {"erf of -Inf", erf(-inf), -1}, {"tanh of 30", float64(tanh(30)), 1},
		{"tanh of -Inf", float64(tanh(-inf32)), -1}, {"sigmoid of -Inf", float64(sigmoid(-inf32)), 0},
		{"gate of mish at 200", mishGate(200), 1}, {"gate of mish at -200", float64(float32(mishGate(-200))), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
	below, _ := normal(math.NaN())
	for name, v := range map[string]float64{"exp64": exp64(math.NaN()), "expm1": expm1(math.NaN()),
		"erf":  erf(math.NaN()),
		"tanh": float64(tanh(nan32)), "normal": below, "mish": mishGate(math.NaN())} {
		if v == v {
			t.Errorf("%s of NaN is %g", name, v)
		}
	}
}

// TestPowersOfTwo compares with what math says of the inverse.
func TestPowersOfTwo(t *testing.T) {
	for e := -149; e <= 127; e++ {
		v := float32(math.Ldexp(1, e))
		want := e >= -126 && e <= 126 // neither it nor its inverse is subnormal
		if isPowerOfTwo(v) != want || isPowerOfTwo(-v) != want {
			t.Errorf("2^%d counts: %v, want %v", e, isPowerOfTwo(v), want)
		}
		if isPowerOfTwo(v*1.5) && e > -149 {
			t.Errorf("1.5·2^%d counts as a power of two", e)
		}
	}
	for _, v := range []float32{0, minus0, inf32, -inf32, nan32, 3} {
		if isPowerOfTwo(v) {
			t.Errorf("%g counts as a power of two", v)
		}
	}
}
