package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// everyMagnitude returns floats of every size and both signs up to limit, a dense stretch around 0, and the special
// values.
func everyMagnitude(limit float64) []float32 {
	list := []float32{0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 1e-38, math.MaxFloat32, -math.MaxFloat32, 1, -1}
	for v := 1e-30; v <= limit; v *= 1.0007 {
		list = append(list, float32(v), float32(-v))
	}
	for v := -12.0; v <= 12; v += 0.00037 {
		list = append(list, float32(v))
	}
	return list
}

// units returns how far got is from want in units of the last place of want as float32.
func units(got float32, want float64) float64 {
	w := float32(want)
	if got == w || got != got && w != w {
		return 0
	}
	next := math.Nextafter32(float32(math.Abs(float64(w))), inf32)
	size := float64(next) - math.Abs(float64(w))
	if math.IsInf(size, 0) || math.IsNaN(size) {
		return math.Inf(1)
	}
	return math.Abs(float64(got)-want) / size
}

// functions are the element-wise functions with a reference in double precision, and the error allowed: in units of
// the last place, or in absolute terms far out in a tail. Where e^-u is what a result consists of, the rounding
// of u shows in it u times over.
var functions = []struct {
	name     string
	run      func(w *Workers, dst, src []float32)
	want     func(x float64) float64
	limit    float64
	units    float64
	absolute float64
}{
	{"exp", Exp, math.Exp, 200, 2, 0},
	{"sigmoid", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 200, 3, 0},
	{"tanh", Tanh, math.Tanh, 200, 3, 0},
	{"erf", Erf, math.Erf, 200, 2.5, 0},
	{"softplus", Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 200, 2,
		0},
	{"elu", func(w *Workers, dst, src []float32) { Elu(w, dst, src, 1.5, 0.5) },
		func(x float64) float64 { return max(x, 0) + 1.5*math.Expm1(0.5*min(x, 0)) }, 200, 4, 0},
	{"sqrt", func(w *Workers, dst, src []float32) { Sqrt(w, dst, src) }, math.Sqrt, 200, 0.51, 0},
	{"reciprocal", Reciprocal, func(x float64) float64 { return 1 / x }, 200, 0.51, 0},
	{"swish", func(w *Workers, dst, src []float32) { Swish(w, dst, src, 1) },
		func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 200, 4, 1e-35},
	{"gelu", Gelu, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }, 200, 8, 1e-9},
	{"gelu tanh", GeluTanh, geluTanhReference, 200, 16, 4e-9},
	{"mish", Mish, func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) }, 200, 6, 1e-35},
}

func TestFunctionsAreAccurate(t *testing.T) {
	for _, f := range functions {
		src := everyMagnitude(f.limit)
		got := make([]float32, len(src))
		f.run(nil, got, src)
		worst, at := 0.0, 0
		for i, x := range src {
			want := f.want(float64(x))
			if u := units(got[i], want); u > worst && math.Abs(float64(got[i])-want) > f.absolute {
				worst, at = u, i
			}
		}
		if worst > f.units {
			t.Errorf("%s(%g) is %g, want %g: %.1f units in the last place off", f.name, src[at], got[at],
				f.want(float64(src[at])), worst)
		}
	}
}

// TestFunctionsAtTheEdges checks NaN and the infinities. A function of the form x·gate(x) has -Inf·0 = NaN at -Inf, as
// ONNX Runtime and PyTorch have it.
func TestFunctionsAtTheEdges(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name      string
		run       func(w *Workers, dst, src []float32)
		low, high float32 // at -Inf and +Inf
	}{
		{"exp", Exp, 0, inf32}, {"sigmoid", Sigmoid, 0, 1}, {"tanh", Tanh, -1, 1}, {"erf", Erf, -1, 1},
		{"relu", Relu, 0, inf32},
		{"softplus", Softplus, 0, inf32}, {"gelu", Gelu, nan, inf32}, {"gelu tanh", GeluTanh, nan, inf32},
		{"mish", Mish, nan, inf32},
		{"hard swish", HardSwish, nan, inf32},
		{"swish", func(w *Workers, dst, src []float32) { Swish(w, dst, src, 1) }, nan, inf32},
		{"elu", func(w *Workers, dst, src []float32) { Elu(w, dst, src, 1, 1) }, -1, inf32},
		{"sqrt", Sqrt, nan, inf32}, {"reciprocal", Reciprocal, 0, 0},
	} {
		src := []float32{-inf32, inf32, nan}
		got := make([]float32, 3)
		c.run(nil, got, src)
		for i, want := range []float32{c.low, c.high, nan} {
			if got[i] != want && (got[i] == got[i] || want == want) {
				t.Errorf("%s of %g is %g, want %g", c.name, src[i], got[i], want)
			}
		}
	}
}

// TestEveryLengthIsTheSame computes one element at a time what was computed in one call: neither the length nor the
// place in the slice may change a result, and nothing beyond the slice may be written.
func TestEveryLengthIsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	for _, f := range functions {
		for n := range 70 {
			src, got := randoms(r, n), make([]float32, n+1)
			got[n] = 42
			f.run(nil, got[:n], src)
			one := make([]float32, 1)
			for i := range n {
				f.run(nil, one, src[i:i+1])
				if math.Float32bits(one[0]) != math.Float32bits(got[i]) {
					t.Fatalf("%s: element %d of %d is %g, alone %g", f.name, i, n, got[i], one[0])
				}
			}
			if got[n] != 42 {
				t.Fatalf("%s wrote beyond %d elements", f.name, n)
			}
		}
	}
}

// TestGradientKernels compares with central differences of the references.
func TestGradientKernels(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(w *Workers, dx, dy, x []float32)
		want func(x float64) float64
	}{
		{"gelu", GeluBackward, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }},
		{"gelu tanh", GeluTanhBackward, geluTanhReference},
		{"mish", MishBackward, func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) }},
		{"elu", func(w *Workers, dx, dy, x []float32) { EluBackward(w, dx, dy, x, 1.5, 0.5) },
			func(x float64) float64 { return max(x, 0) + 1.5*math.Expm1(0.5*min(x, 0)) }},
		{"erf", ErfBackward, math.Erf},
		{"swish", func(w *Workers, dx, dy, x []float32) { SwishBackward(w, dx, dy, x, 1.5) },
			func(x float64) float64 { return x / (1 + math.Exp(-1.5*x)) }},
	} {
		var x []float32
		for v := float32(-30); v < 30; v += 0.0913 {
			x = append(x, v)
		}
		got := make([]float32, len(x))
		c.run(nil, got, slices.Repeat([]float32{2}, len(x)), x)
		for i, v := range x {
			const h = 1e-5
			want := 2 * (c.want(float64(v)+h) - c.want(float64(v)-h)) / (2 * h)
			if math.Abs(float64(got[i])-want) > 1e-6 {
				t.Errorf("slope of %s at %g, times 2, is %g, want %g", c.name, v, got[i], want)
			}
		}
	}
}

// TestGradientsFromOutputs compares the gradients that are written in terms of y.
func TestGradientsFromOutputs(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(w *Workers, dx, dy, y []float32)
		want func(y float64) float64
	}{
		{"sigmoid", SigmoidBackward, func(y float64) float64 { return y * (1 - y) }},
		{"tanh", TanhBackward, func(y float64) float64 { return 1 - y*y }},
		{"sqrt", SqrtBackward, func(y float64) float64 { return 0.5 / y }},
		{"reciprocal", ReciprocalBackward, func(y float64) float64 { return -y * y }},
		{"product", Product, func(y float64) float64 { return y }},
	} {
		r := rand.New(rand.NewPCG(22, 1))
		for n := range 50 {
			y, dy, dx := make([]float32, n), randoms(r, n), make([]float32, n)
			for i := range y {
				y[i] = float32(0.01 + 0.98*r.Float64())
			}
			c.run(nil, dx, dy, y)
			for i, v := range y {
				want, floor := float64(dy[i])*c.want(float64(v)), 3e-8*math.Abs(float64(dy[i]))
				if math.Abs(float64(dx[i])-want) > 3e-7*math.Abs(want)+floor {
					t.Errorf("%s: %g at %g is %g, want %g", c.name, dy[i], v, dx[i], want)
				}
			}
		}
	}
}

func TestClipKernels(t *testing.T) {
	nan := float32(math.NaN())
	x, dy := []float32{-2, -1, 0, 1, 2, nan}, []float32{1, 2, 3, 4, 5, 6}
	y, dx := make([]float32, 6), make([]float32, 6)
	Clip(nil, y, x, -1, 1)
	ClipBackward(nil, dx, dy, x, -1, 1)
	if want := []float32{-1, -1, 0, 1, 1}; !slices.Equal(y[:5], want) || y[5] == y[5] {
		t.Errorf("clip gives %v, want %v and NaN", y, want)
	}
	if want := []float32{0, 2, 3, 4, 0, 0}; !slices.Equal(dx, want) {
		t.Errorf("its gradient is %v, want %v", dx, want)
	}
	Clip(nil, y, x, 1, -1)
	if want := []float32{-1, -1, -1, -1, -1}; !slices.Equal(y[:5], want) {
		t.Errorf("with bounds crossed clip gives %v, want %v", y, want)
	}
}

func TestReluKernels(t *testing.T) {
	nan, minus0 := float32(math.NaN()), float32(math.Copysign(0, -1))
	x, dy := []float32{-2, minus0, 0, 1e-45, 2, nan}, []float32{1, 2, 3, 4, 5, 6}
	y, dx := make([]float32, 6), make([]float32, 6)
	Relu(nil, y, x)
	ReluBackward(nil, dx, dy, y)
	if want := []float32{0, 0, 0, 1e-45, 2}; !slices.Equal(y[:5], want) || y[5] == y[5] {
		t.Errorf("relu gives %v, want %v and NaN", y, want)
	}
	if want := []float32{0, 0, 0, 4, 5, 0}; !slices.Equal(dx, want) {
		t.Errorf("its gradient is %v, want %v", dx, want)
	}
}

func BenchmarkElement(b *testing.B) {
	w := NewWorkers(2)
	defer w.Close()
	r := rand.New(rand.NewPCG(31, 1))
	x, y, dy := randoms(r, 1<<20), make([]float32, 1<<20), randoms(r, 1<<20)
	for _, f := range functions {
		b.Run(f.name, func(b *testing.B) {
			for b.Loop() {
				f.run(w, y, x)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(len(x)), "ns/element")
		})
	}
	b.Run("relu", func(b *testing.B) {
		for b.Loop() {
			Relu(w, y, x)
		}
	})
	b.Run("gelu gradient", func(b *testing.B) {
		for b.Loop() {
			GeluBackward(w, y, dy, x)
		}
	})
}
