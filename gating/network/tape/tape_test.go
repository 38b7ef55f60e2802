package tape_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/tape"
)

// function is a tape.Function made of two functions.
type function struct {
	forward  func(in, out []tape.Data) error
	backward func(i, k int, in, out []tape.Data, dy, dx []float32)
}

func (f function) Forward(_ uint64, in, out []tape.Data) error { return f.forward(in, out) }

func (f function) Backward(_ uint64, i, k int, in, out []tape.Data, dy, dx []float32) error {
	f.backward(i, k, in, out, dy, dx)
	return nil
}

func always(_, _ int) bool { return true }

// product is a*b, element by element; total is the sum of all elements.
var (
	product = function{
		func(in, out []tape.Data) error {
			for e := range out[0].F {
				out[0].F[e] = in[0].F[e] * in[1].F[e]
			}
			return nil
		},
		func(i, _ int, in, _ []tape.Data, dy, dx []float32) {
			for e := range dx {
				dx[e] = dy[e] * in[1-i].F[e]
			}
		},
	}
	total = function{
		func(in, out []tape.Data) error {
			out[0].F[0] = 0
			for _, v := range in[0].F {
				out[0].F[0] += v
			}
			return nil
		},
		func(_, _ int, _, _ []tape.Data, dy, dx []float32) {
			for e := range dx {
				dx[e] = dy[0]
			}
		},
	}
)

func multiply(p *tape.Program, a, b *tape.Vector) *tape.Vector {
	return p.Apply(tape.Call{Op: "Mul", Function: product, In: []*tape.Vector{a, b},
		Out: []tape.Shape{a.Shape}, Flows: always,
		Reads: func(i, _ int) tape.Reads { return tape.Reads{In: []int{1 - i}} }})[0]
}

func sum(p *tape.Program, v *tape.Vector) *tape.Vector {
	return p.Apply(tape.Call{Op: "Sum", Function: total, In: []*tape.Vector{v},
		Out: []tape.Shape{{Kind: tape.Scalar, Len: 1}}, Flows: always,
		Reads: func(_, _ int) tape.Reads { return tape.Reads{} }})[0]
}

func compile(t *testing.T, p *tape.Program, cost []*tape.Vector, wrt ...*tape.Vector) *tape.Machine {
	t.Helper()
	m, err := p.Compile(cost, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func run(t *testing.T, m *tape.Machine) float64 {
	t.Helper()
	cost, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	return cost
}

// TestPowers: sum of x^n has the gradient n x^(n-1), at whatever the parameter holds when the machine runs; one vector
// read twice by a function counts twice.
func TestPowers(t *testing.T) {
	x := []float32{1, -2, 0.5}
	p := tape.New()
	leaf := p.Parameter("x", x)
	square := multiply(p, leaf, leaf)
	m := compile(t, p, []*tape.Vector{sum(p, multiply(p, multiply(p, square, square), leaf))}, leaf)
	for step := range 3 {
		x[0] += float32(step)
		var want float64
		for _, v := range x {
			want += math.Pow(float64(v), 5)
		}
		if got := run(t, m); math.Abs(got-want) > 1e-5*math.Abs(want) {
			t.Errorf("step %d: cost %v, want %v", step, got, want)
		}
		for i, g := range m.Gradient(0) {
			if want := 5 * math.Pow(float64(x[i]), 4); math.Abs(float64(g)-want) > 1e-5*want {
				t.Errorf("step %d: gradient %d is %v, want %v", step, i, g, want)
			}
		}
	}
}

// TestTermsAdd: the cost is the sum of its terms, and each reaches only what it depends on.
func TestTermsAdd(t *testing.T) {
	p := tape.New()
	a, b := p.Parameter("a", []float32{1, 2}), p.Parameter("b", []float32{3, 4})
	m := compile(t, p, []*tape.Vector{sum(p, multiply(p, a, b)), sum(p, b)}, a, b)
	if got := run(t, m); got != 11+7 {
		t.Errorf("cost %v, want 18", got)
	}
	if !slices.Equal(m.Gradient(0), []float32{3, 4}) || !slices.Equal(m.Gradient(1), []float32{2, 3}) {
		t.Errorf("gradients %v and %v, want [3 4] and [2 3]", m.Gradient(0), m.Gradient(1))
	}
}

// TestOutputsAreComputedOnce: a function of several outputs runs once a step, and each output has a gradient of its
// own; integer vectors carry none, and vectors may be empty.
func TestOutputsAreComputedOnce(t *testing.T) {
	runs := 0
	split := function{
		func(in, out []tape.Data) error {
			runs++
			copy(out[0].F, in[0].F[:1])
			copy(out[1].F, in[0].F[1:])
			out[2].I[0] = 1
			return nil
		},
		func(_, k int, _, _ []tape.Data, dy, dx []float32) {
			clear(dx)
			copy(dx[k:], dy)
		},
	}
	pick := function{
		func(in, out []tape.Data) error { out[0].F[0] = in[0].F[in[1].I[0]]; return nil },
		func(_, _ int, in, _ []tape.Data, dy, dx []float32) { clear(dx); dx[in[1].I[0]] = dy[0] },
	}
	p := tape.New()
	x := p.Parameter("x", []float32{2, 5, 7})
	parts := p.Apply(tape.Call{Op: "Split", Function: split, In: []*tape.Vector{x}, Own: true,
		Out: []tape.Shape{{Kind: tape.Floats, Len: 1}, {Kind: tape.Floats, Len: 2},
			{Kind: tape.Ints, Len: 1}, {Kind: tape.Floats}},
		Flows: func(_, k int) bool { return k < 2 }})
	picked := p.Apply(tape.Call{Op: "Pick", Function: pick, In: []*tape.Vector{parts[1], parts[2]},
		Out: []tape.Shape{{Kind: tape.Floats, Len: 1}}, Flows: func(i, _ int) bool { return i == 0 }})[0]
	m := compile(t, p, []*tape.Vector{sum(p, multiply(p, parts[0], picked))}, x)
	for range 2 {
		if got := run(t, m); got != 14 || !slices.Equal(m.Gradient(0), []float32{7, 0, 2}) {
			t.Errorf("cost %v and gradient %v, want 14 and [7 0 2]", got, m.Gradient(0))
		}
	}
	if runs != 2 {
		t.Errorf("the function ran %d times in 2 steps", runs)
	}
}

// TestInterruptedSteps: a run that fails or panics in the middle is an error that says where, and leaves nothing
// behind.
func TestInterruptedSteps(t *testing.T) {
	broken := errors.New("broken")
	var fail func() error
	fragile := function{
		func(in, out []tape.Data) error { copy(out[0].F, in[0].F); return fail() },
		func(_, _ int, _, _ []tape.Data, dy, dx []float32) { copy(dx, dy) },
	}
	p := tape.New()
	x := p.Parameter("x", []float32{1, 2, 3})
	v := x
	for i := range 6 {
		if v = multiply(p, v, v); i == 3 {
			v = p.Apply(tape.Call{Op: "Fragile", Name: "f", Function: fragile, In: []*tape.Vector{v},
				Out: []tape.Shape{v.Shape}, Flows: always})[0]
		}
	}
	m := compile(t, p, []*tape.Vector{sum(p, v)}, x)
	for name, f := range map[string]func() error{"broken": func() error { return broken },
		"boom": func() error { panic("boom") }} {
		fail = f
		if _, err := m.Run(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		fail = func() error { return nil }
		want := run(t, m)
		first := slices.Clone(m.Gradient(0))
		if again := run(t, m); again != want || !slices.Equal(first, m.Gradient(0)) {
			t.Errorf("%s: cost %v and %v, gradients %v and %v", name, want, again, first, m.Gradient(0))
		}
	}
}

// TestReached: a gradient flows back through functions, and to nothing beside or behind.
func TestReached(t *testing.T) {
	p := tape.New()
	a, b := p.Parameter("a", []float32{1}), p.Parameter("b", []float32{1})
	square := multiply(p, a, a)
	cost := sum(p, square)
	behind := multiply(p, square, b)
	reached := p.Reached(cost)
	for v, want := range map[*tape.Vector]bool{a: true, square: true, cost: true, b: false, behind: false} {
		if reached[v] != want {
			t.Errorf("%+v: reached %v, want %v", v, reached[v], want)
		}
	}
}

// TestWhatCannotBeCompiled is an error, not a panic.
func TestWhatCannotBeCompiled(t *testing.T) {
	p := tape.New()
	a, b := p.Parameter("a", []float32{1}), p.Parameter("b", []float32{1})
	if _, err := p.Compile([]*tape.Vector{a}, a); err == nil {
		t.Error("a program without functions was compiled")
	}
	if _, err := p.Compile([]*tape.Vector{sum(p, a)}, b); err == nil {
		t.Error("the gradient of what the cost does not depend on was compiled")
	}
}

// TestAdam holds the optimiser against the formulas of arXiv 1412.6980, algorithm 1, in double precision.
func TestAdam(t *testing.T) {
	const b1, b2, eps = 0.9, 0.999, 1e-8
	x, want := []float32{1, -3}, []float64{1, -3}
	var m, v [2]float64
	a := tape.NewAdam(1)
	for step := 1; step <= 20; step++ {
		rate := 0.1 / float64(step)
		a.SetRate(rate)
		gradient := []float32{2 * x[0], 4 * x[1]}
		for i := range want {
			g := []float64{2, 4}[i] * want[i]
			m[i], v[i] = b1*m[i]+(1-b1)*g, b2*v[i]+(1-b2)*g*g
			want[i] -= rate * m[i] / (1 - math.Pow(b1,
				float64(step))) / (math.Sqrt(v[i]/(1-math.Pow(b2, float64(step)))) + eps)
		}
		if err := a.Step([][]float32{x}, [][]float32{gradient}); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(float64(x[i])-want[i]) > 1e-5 {
				t.Errorf("step %d: %v, want %v", step, x, want)
			}
		}
	}
}

// Example takes the gradient of the sum of squares.
func Example() {
	x := []float32{1, 2, 3}
	p := tape.New()
	leaf := p.Parameter("x", x)
	m, err := p.Compile([]*tape.Vector{sum(p, multiply(p, leaf, leaf))}, leaf)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	cost, err := m.Run()
	fmt.Println(cost, m.Gradient(0), err)
	// Output: 14 [2 4 6] <nil>
}
