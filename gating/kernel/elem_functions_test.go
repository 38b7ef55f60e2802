package kernel

import (
	"fmt"
	"math"
	"testing"
)

// elementFunction is a differentiable function of one element with its kernels, under test with these parameters.
type elementFunction struct {
	name     string
	f        func(x float64) float64
	forward  func(w *Workers, dst, src []float32)
	backward func(w *Workers, dx, dy, x, y []float32) // x is the function's input, y its output
	kinks    []float64                                // where there is no derivative
	positive bool                                     // only defined above 0
}

// elementFunctions are all exported functions of one element.
var elementFunctions = []elementFunction{
	{name: "exp", f: math.Exp, forward: Exp,
		backward: func(w *Workers, dx, dy, _, y []float32) { Product(w, dx, dy, y) }},
	{name: "sigmoid", f: logistic, forward: Sigmoid,
		backward: func(w *Workers, dx, dy, _, y []float32) { SigmoidBackward(w, dx, dy, y) }},
	{name: "tanh", f: math.Tanh, forward: Tanh,
		backward: func(w *Workers, dx, dy, _, y []float32) { TanhBackward(w, dx, dy, y) }},
	{name: "swish", f: func(x float64) float64 { return x * logistic(1.702*x) },
		forward:  func(w *Workers, dst, src []float32) { Swish(w, dst, src, 1.702) },
		backward: func(w *Workers, dx, dy, x, _ []float32) { SwishBackward(w, dx, dy, x, 1.702) }},
	{name: "mish", f: mish64, forward: Mish,
		backward: func(w *Workers, dx, dy, x, _ []float32) { MishBackward(w, dx, dy, x) }},
	{name: "softplus", f: softplus64, forward: Softplus,
		backward: func(w *Workers, dx, dy, x, _ []float32) { Sigmoid(w, dx, x); Product(w, dx, dx, dy) }},
	{name: "elu", f: func(x float64) float64 { return when(x > 0, x, 1.5*math.Expm1(0.5*x)) },
		forward:  func(w *Workers, dst, src []float32) { Elu(w, dst, src, 1.5, 0.5) },
		backward: func(w *Workers, dx, dy, x, _ []float32) { EluBackward(w, dx, dy, x, 1.5, 0.5) },
		kinks:    []float64{0}},
	{name: "erf", f: math.Erf, forward: Erf,
		backward: func(w *Workers, dx, dy, x, _ []float32) { ErfBackward(w, dx, dy, x) }},
	{name: "gelu", f: gelu64, forward: Gelu,
		backward: func(w *Workers, dx, dy, x, _ []float32) { GeluBackward(w, dx, dy, x) }},
	{name: "gelu tanh", f: geluTanhReference, forward: GeluTanh,
		backward: func(w *Workers, dx, dy, x, _ []float32) { GeluTanhBackward(w, dx, dy, x) }},
	{name: "relu", f: func(x float64) float64 { return max(x, 0) }, forward: Relu,
		backward: func(w *Workers, dx, dy, _, y []float32) { ReluBackward(w, dx, dy, y) }, kinks: []float64{0}},
	{name: "leaky relu", f: func(x float64) float64 { return when(x < 0, 0.1*x, x) },
		forward:  func(w *Workers, dst, src []float32) { LeakyRelu(w, dst, src, 0.1) },
		backward: func(w *Workers, dx, dy, x, _ []float32) { LeakyReluBackward(w, dx, dy, x, 0.1) },
		kinks:    []float64{0}},
	{name: "clip", f: func(x float64) float64 { return min(max(x, -0.5), 1.25) },
		forward:  func(w *Workers, dst, src []float32) { Clip(w, dst, src, -0.5, 1.25) },
		backward: func(w *Workers, dx, dy, x, _ []float32) { ClipBackward(w, dx, dy, x, -0.5, 1.25) },
		kinks:    []float64{-0.5, 1.25}},
	{name: "hard sigmoid", f: func(x float64) float64 { return max(0, min(1, 0.2*x+0.5)) },
		forward:  func(w *Workers, dst, src []float32) { HardSigmoid(w, dst, src, 0.2, 0.5) },
		backward: func(w *Workers, dx, dy, _, y []float32) { HardSigmoidBackward(w, dx, dy, y, 0.2) },
		kinks:    []float64{-2.5, 2.5}},
	{name: "hard swish", f: func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }, forward: HardSwish,
		backward: func(w *Workers, dx, dy, x, _ []float32) { HardSwishBackward(w, dx, dy, x) },
		kinks:    []float64{-3, 3}},
	{name: "sqrt", f: math.Sqrt, forward: Sqrt, positive: true,
		backward: func(w *Workers, dx, dy, _, y []float32) { SqrtBackward(w, dx, dy, y) }},
	{name: "reciprocal", f: func(x float64) float64 { return 1 / x }, forward: Reciprocal, positive: true,
		backward: func(w *Workers, dx, dy, _, y []float32) { ReciprocalBackward(w, dx, dy, y) }},
	{name: "scale", f: func(x float64) float64 { return -1.5 * x },
		forward:  func(w *Workers, dst, src []float32) { Scale(w, dst, src, -1.5) },
		backward: func(w *Workers, dx, dy, _, _ []float32) { Scale(w, dx, dy, -1.5) }},
	{name: "map", f: func(x float64) float64 { return x * x },
		forward: func(w *Workers, dst, src []float32) { Map(w, dst, src, func(x float32) float32 { return x * x }) },
		backward: func(w *Workers, dx, dy, x, y []float32) {
			MapBackward(w, dx, dy, x, y, func(x, _ float32) float32 { return 2 * x })
		}},
}

// grid returns inputs for a function, away from its kinks.
func (f *elementFunction) grid() []float32 {
	var x []float32
next:
	for v := -9.0; v < 9; v += 0.0173 {
		if f.positive && v < 0.2 {
			continue
		}
		for _, k := range f.kinks {
			if math.Abs(v-k) < 1e-3 {
				continue next
			}
		}
		x = append(x, float32(v))
	}
	return x
}

// TestElementFunctions compares every function with its definition and its backward kernel with differences of that.
func TestElementFunctions(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for _, f := range elementFunctions {
			x := f.grid()
			y, dy, dx := make([]float32, len(x)), normals(61, len(x)), make([]float32, len(x))
			f.forward(nil, y, x)
			f.backward(nil, dx, dy, x, y)
			for i, v := range x {
				const h = 1e-6
				want, slope := f.f(float64(v)), (f.f(float64(v)+h)-f.f(float64(v)-h))/(2*h)*float64(dy[i])
				if math.Abs(float64(y[i])-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("%s at %g is %g, want %g", f.name, v, y[i], want)
				}
				if math.Abs(float64(dx[i])-slope) > 4e-6*(1+math.Abs(slope)) {
					t.Fatalf("%s: gradient at %g is %g, want %g", f.name, v, dx[i], slope)
				}
			}
		}
	})
}

// TestElementThreads checks bits for lengths that several goroutines share, and results over either operand.
func TestElementThreads(t *testing.T) {
	for _, f := range elementFunctions {
		x := make([]float32, 50000)
		for i, v := range normals(62, len(x)) {
			x[i] = float32(math.Abs(float64(v))) + 0.1
		}
		dy := normals(63, len(x))
		y := onWorkers(t, f.name, func(w *Workers) []float32 {
			y := make([]float32, len(x))
			f.forward(w, y, x)
			return y
		})
		dx := onWorkers(t, f.name+" backward", func(w *Workers) []float32 {
			dx := make([]float32, len(x))
			f.backward(w, dx, dy, x, y)
			return dx
		})
		over := append([]float32{}, x...)
		if f.forward(nil, over, over); !equalBits(over, y) {
			t.Errorf("%s: other bits over its operand", f.name)
		}
		if f.name == "softplus" {
			continue // two kernels, the first of which writes dx
		}
		if f.backward(nil, dy, dy, x, y); !equalBits(dy, dx) {
			t.Errorf("%s backward: other bits over dy", f.name)
		}
	}
}

// TestElementTails runs every function on every length and alignment, with nothing else touched.
func TestElementTails(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(64)
		for _, f := range elementFunctions {
			for _, n := range manyTails {
				x := randoms(r, n)
				for i, v := range x {
					x[i] = float32(math.Abs(float64(v))) + 0.1
				}
				y, dx := newGuarded(r, n), newGuarded(r, n)
				f.forward(nil, y.slice(), x)
				f.backward(nil, dx.slice(), x, x, y.slice())
				y.check(t, f.name)
				dx.check(t, f.name+" backward")
				if countNaN(y.slice()) > 0 || countNaN(dx.slice()) > 0 {
					t.Fatalf("%s of %d elements left some out", f.name, n)
				}
			}
		}
	})
}

// TestMapChangesTypes maps between element types.
func TestMapChangesTypes(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	src, dst := make([]int64, 40000), make([]string, 40000)
	for i := range src {
		src[i] = int64(i)
	}
	Map(w, dst, src, func(v int64) string { return fmt.Sprint(v) })
	for i, v := range dst {
		if v != fmt.Sprint(i) {
			t.Fatalf("element %d is %q", i, v)
		}
	}
}

// TestExpm1Of compares with the definition down to where e^x - 1 is x.
func TestExpm1Of(t *testing.T) {
	for _, x := range everyMagnitude(80) {
		if want := math.Expm1(float64(x)); units(Expm1Of(x), want) > 2 && math.Abs(want) > 1e-37 {
			t.Fatalf("e^%g - 1 is %g, want %g", x, Expm1Of(x), want)
		}
	}
}

// TestKinks checks what the operators say where there is no derivative: that of Relu at 0 is 0, Clip's bounds are
// inside.
func TestKinks(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		dy, dx := []float32{2, 2, 2}, make([]float32, 3)
		for _, c := range []struct {
			name string
			run  func()
			want [3]float32
		}{
			{"relu", func() { ReluBackward(nil, dx, dy, []float32{0, smallest, minus0}) }, [3]float32{0, 2, 0}},
			{"leaky relu", func() { LeakyReluBackward(nil, dx, dy, []float32{0, 1, -1}, 0.5) }, [3]float32{1, 2, 1}},
			{"elu", func() { EluBackward(nil, dx, dy, []float32{0, 1, minus0}, 0.5, 1) }, [3]float32{1, 2, 1}},
			{"clip", func() { ClipBackward(nil, dx, dy, []float32{-1, 1, 1.5}, -1, 1) }, [3]float32{2, 2, 0}},
			{"hard sigmoid", func() { HardSigmoidBackward(nil, dx, dy, []float32{0, 1, 0.5}, 0.25) },
				[3]float32{0, 0, 0.5}},
			{"hard swish", func() { HardSwishBackward(nil, dx, dy, []float32{-4, 0, 4}) }, [3]float32{0, 1, 2}},
		} {
			if c.run(); [3]float32(dx) != c.want {
				t.Errorf("gradient of %s is %v, want %v", c.name, dx, c.want)
			}
		}
	})
}
