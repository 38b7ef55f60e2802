package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
	"gonum.org/v1/gonum/diff/fd"
)

// TestConstants holds the formulas that the others are made of.
func TestConstants(t *testing.T) {
	if beta != 2.0/3 || gamma != -0.1 || zeta != 1.1 {
		t.Errorf("beta %v, gamma %v, zeta %v: want 2/3, -0.1, 1.1", beta, gamma, zeta)
	}
	for _, a := range []float64{-5, -1, 0, 0.7, 3} {
		if got, want := OpenProbability(a), 1/(1+math.Exp(-(a-beta*math.Log(0.1/1.1)))); math.Abs(got-want) > 1e-15 {
			t.Errorf("P(z != 0) at %v: got %v, want %v", a, got, want)
		}
	}
}

// TestGate is min(1, max(0, sigmoid(log a)(zeta-gamma)+gamma)), and exactly 0 or 1 beyond ln 11.
func TestGate(t *testing.T) {
	for _, c := range []struct{ a, want float64 }{
		{0, 0.5}, {math.Log(11), 1}, {-math.Log(11), 0}, {40, 1}, {-40, 0}, {math.Inf(1), 1}, {math.Inf(-1), 0},
		{1, 1/(1+math.Exp(-1))*1.2 - 0.1}, {-2, 1/(1+math.Exp(2))*1.2 - 0.1},
	} {
		if got := Gate(c.a); math.Abs(got-c.want) > 1e-15 || c.want == math.Trunc(c.want) && got != c.want {
			t.Errorf("Gate(%v) = %v, want %v", c.a, got, c.want)
		}
	}
	if g := Gate(math.Nextafter(math.Log(11), 0)); g <= 0.999 || g > 1 {
		t.Errorf("just below ln 11 the gate is %v", g)
	}
}

// TestSample compares with the formula and its slope with central differences, in all three pieces.
func TestSample(t *testing.T) {
	pieces := map[string]int{}
	for _, u := range []float64{1e-6, 0.02, 0.3, 0.5, 0.77, 0.98, 1 - 1e-6} {
		for a := -4.0; a <= 4; a += 0.37 {
			z, dz := sample(a, u)
			s := 1 / (1 + math.Exp(-(math.Log(u)-math.Log(1-u)+a)/beta))
			stretched := s*(zeta-gamma) + gamma
			if want := math.Min(1, math.Max(0, stretched)); math.Abs(z-want) > 1e-12 {
				t.Errorf("z(%v, %v) = %v, want %v", a, u, z, want)
			}
			slope := fd.Derivative(func(a float64) float64 { z, _ := sample(a, u); return z }, a,
				&fd.Settings{Formula: fd.Central})
			if math.Abs(dz-slope) > 1e-6 && math.Min(math.Abs(stretched), math.Abs(1-stretched)) > 1e-5 {
				t.Errorf("dz(%v, %v) = %v, differences give %v", a, u, dz, slope)
			}
			pieces[map[bool]string{true: "closed", false: "not closed"}[z == 0]]++
			pieces[map[bool]string{true: "open", false: "not open"}[z == 1]]++
		}
	}
	if pieces["closed"] == 0 || pieces["open"] == 0 {
		t.Errorf("not all pieces were met: %v", pieces)
	}
}

// TestSampleOpensAsOftenAsItShould counts draws against P(z != 0).
func TestSampleOpensAsOftenAsItShould(t *testing.T) {
	const n = 100000
	for _, a := range []float64{-3, -1, 0, 2} {
		open := 0
		for i := range n {
			if z, _ := sample(a, (float64(i)+0.5)/n); z > 0 {
				open++
			}
		}
		if got, want := float64(open)/n, OpenProbability(a); math.Abs(got-want) > 2.0/n {
			t.Errorf("log a %v: open in %v of the draws, want %v", a, got, want)
		}
	}
}

// combineCase is one unit: gates by log a and noise, or fixed where noise is 0.
type combineCase struct {
	name     string
	mode     Combine
	a, u     []float64
	excluded []bool
	want     []float64 // nil: not checked by hand
	fell     bool
}

var combineCases = []combineCase{
	{"convex", Convex, []float64{0, 0}, []float64{0.5, 0.5}, []bool{false, false}, []float64{0.5, 0.5}, false},
	{"three", Convex, []float64{0.3, -0.8, 1}, []float64{0.4, 0.6, 0.3}, []bool{false, false, false}, nil, false},
	{"one excluded", Convex, []float64{0.3, -0.8, 1}, []float64{0.4, 0.6, 0.3}, []bool{false, true, false}, nil, false},
	{"one closed", Convex, []float64{0.3, -9, 1}, []float64{0.4, 0.6, 0.3}, []bool{false, false, false}, nil, false},
	{"one left", Convex, []float64{0.3, -9, 1}, []float64{0.4, 0.6, 0.3}, []bool{false, true, true},
		[]float64{1, 0, 0}, false},
	{"all closed", Convex, []float64{-9, -8, -9}, []float64{0.4, 0.6, 0.3}, []bool{false, false, false}, nil, true},
	{"all closed, one excluded", Convex, []float64{-9, -9, 5}, []float64{0.4, 0.6, 0.3}, []bool{false, false, true},
		[]float64{0.5, 0.5, 0}, true},
	{"sum", Sum, []float64{0, 0}, []float64{0.5, 0.5}, []bool{false, true}, []float64{0.5, 0}, false},
	{"sum, all closed", Sum, []float64{-9, -9}, []float64{0.5, 0.5}, []bool{false, false}, []float64{0, 0}, false},
	{"sum of three", Sum, []float64{0.3, -0.8, 1}, []float64{0.4, 0.6, 0.3}, []bool{false, false, false}, nil, false},
}

// coefficientsOf computes c of a unit, and what backward needs.
func coefficientsOf(m Combine, a, u []float64, excluded []bool) (z, dz, c []float64, fell bool) {
	z, dz, c = make([]float64, len(a)), make([]float64, len(a)), make([]float64, len(a))
	for j := range a {
		z[j], dz[j] = sample(a[j], u[j])
	}
	fell = m.combine(z, a, excluded, c)
	return z, dz, c, fell
}

// TestCombine checks values, convexity and, by central differences of every
// coefficient, the gradient of the reverse pass.
func TestCombine(t *testing.T) {
	for _, c := range combineCases {
		t.Run(c.name, func(t *testing.T) {
			z, dz, got, fell := coefficientsOf(c.mode, c.a, c.u, c.excluded)
			if fell != c.fell {
				t.Fatalf("fell back: %v", fell)
			}
			var sum float64
			for j, v := range got {
				sum += v
				if c.want != nil && math.Abs(v-c.want[j]) > 1e-12 || c.excluded[j] && v != 0 || math.IsNaN(v) {
					t.Errorf("coefficients %v, want %v", got, c.want)
				}
			}
			if c.mode == Convex && math.Abs(sum-1) > 1e-12 {
				t.Errorf("coefficients %v add up to %v", got, sum)
			}
			dc := gatetest.Random(3, len(got)) // of a random linear function of c
			da := make([]float64, len(got))
			c.mode.backward(z, dz, got, dc, c.excluded, fell, da)
			want := fd.Gradient(nil, func(a []float64) (sum float64) {
				_, _, c, _ := coefficientsOf(c.mode, a, c.u, c.excluded)
				for j := range c {
					sum += dc[j] * c[j]
				}
				return sum
			}, c.a, &fd.Settings{Formula: fd.Central})
			for j := range da {
				if math.Abs(da[j]-want[j]) > 1e-7 {
					t.Errorf("gradient %v, differences give %v", da, want)
				}
			}
		})
	}
}

// TestCombineNeverDividesByNearlyNothing sweeps gates towards all closed: the
// coefficients stay convex and the gradient finite.
func TestCombineNeverDividesByNearlyNothing(t *testing.T) {
	excluded := []bool{false, false, false}
	for a := -2.0; a > -2.6; a -= 1e-4 { // a draw of 1/2 closes at -ln 11
		z, dz, c, fell := coefficientsOf(Convex, []float64{a, a - 1, a - 2}, []float64{0.5, 0.5, 0.5}, excluded)
		da := make([]float64, 3)
		Convex.backward(z, dz, c, []float64{1, -1, 2}, excluded, fell, da)
		for j := range c {
			if !(c[j] >= 0 && c[j] <= 1) || !onnx.AllFinite(da) || math.Abs(da[j]) > 10/minSum {
				t.Fatalf("at %v: coefficients %v, gradient %v", a, c, da)
			}
		}
	}
}
