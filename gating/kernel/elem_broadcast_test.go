package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomShape returns an output shape of rank up to 5 with axes of length 0 to 7, mostly not 0.
func randomShape(r *rand.Rand) []int {
	shape := make([]int, r.IntN(6))
	for i := range shape {
		shape[i] = []int{1, 1, 2, 3, 4, 5, 7, 2, 3, 0}[r.IntN(10)]
	}
	return shape
}

// narrowed returns a shape that broadcasts to out: some axes of length 1, some leading ones left out.
func narrowed(r *rand.Rand, out []int) []int {
	shape := slices.Clone(out[r.IntN(len(out)+1):])
	for i := range shape {
		if r.IntN(2) == 0 {
			shape[i] = 1
		}
	}
	return shape
}

// source returns where the element of an operand of the shape stands that output element e reads.
func source(e int, out, shape []int) int {
	at, stride := 0, 1
	for k := 1; k <= len(out); k++ {
		i := e % out[len(out)-k]
		e /= out[len(out)-k]
		if k > len(shape) {
			continue
		}
		d := shape[len(shape)-k]
		if d != 1 {
			at += i * stride
		}
		stride *= d
	}
	return at
}

func TestCombineBroadcasts(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		pair *Pair[float32, float32]
		f    func(a, b float32) float32
	}{
		{"add", Add, func(a, b float32) float32 { return a + b }},
		{"sub", Sub, func(a, b float32) float32 { return a - b }},
		{"mul", Mul, func(a, b float32) float32 { return a * b }},
		{"div", Div, func(a, b float32) float32 { return a / b }},
		{"own", PairOf(func(a, b float32) float32 { return a - 2*b }), func(a, b float32) float32 { return a - 2*b }},
	} {
		for n := range 1500 {
			out := randomShape(r)
			if n%100 == 0 { // enough rows for several goroutines
				out = []int{3, 500, 4, 1 + r.IntN(40)}
			}
			sa, sb := narrowed(r, out), narrowed(r, out)
			a, b := randoms(r, volume(sa)), randoms(r, volume(sb))
			got := make([]float32, volume(out))
			Combine(w, got, a, b, NewBroadcast(out, sa, sb), c.pair)
			for e, v := range got {
				if want := c.f(a[source(e, out, sa)], b[source(e, out, sb)]); v != want {
					t.Fatalf("%s: %v from %v and %v: element %d is %g, want %g", c.name, out, sa, sb, e, v, want)
				}
			}
		}
	}
}

// TestDivisionByPowersOfTwo compares with division, down to subnormal numbers.
func TestDivisionByPowersOfTwo(t *testing.T) {
	a := []float32{1, -3, 1e-38, 1e-44, math.MaxFloat32, 0, inf32, 7.7}
	got := make([]float32, len(a))
	for e := -149; e <= 127; e++ {
		for _, b := range []float32{float32(math.Ldexp(1, e)), float32(-math.Ldexp(1, e))} {
			Div.Right(got, a, b)
			for i, v := range a {
				if want := v / b; got[i] != want {
					t.Errorf("%g / %g is %g, want %g", v, b, got[i], want)
				}
			}
		}
	}
}

func TestSumToAddsWhatReadsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		from := randomShape(r)
		to := narrowed(r, from)
		src, got, want := randoms(r, volume(from)), randoms(r, volume(to)), make([]float64, volume(to))
		SumTo(nil, got, src, to, from)
		for e, v := range src {
			want[source(e, from, to)] += float64(v)
		}
		for i, v := range got {
			if math.Abs(float64(v)-want[i]) > 1e-6*(1+math.Abs(want[i])) {
				t.Fatalf("%v to %v: element %d is %g, want %g", from, to, i, v, want[i])
			}
		}
	}
}

// TestArithmeticForms holds the three forms of each operation against each other.
func TestArithmeticForms(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for name, p := range map[string]*Pair[float32, float32]{"add": Add, "sub": Sub, "mul": Mul, "div": Div} {
		for n := range 150 {
			a, b := randoms(r, n), randoms(r, n)
			x, y := float32(r.NormFloat64()), float32(r.NormFloat64())
			both, one := make([]float32, n), make([]float32, n)
			p.Both(both, a, slices.Repeat([]float32{y}, n))
			p.Right(one, a, y)
			if !slices.Equal(both, one) {
				t.Errorf("%s of %d: one number on the right gives %v, want %v", name, n, one, both)
			}
			p.Both(both, slices.Repeat([]float32{x}, n), b)
			p.Left(one, x, b)
			if !slices.Equal(both, one) {
				t.Errorf("%s of %d: one number on the left gives %v, want %v", name, n, one, both)
			}
		}
	}
}

// TestThreadsDoNotChangeSums compares bit for bit.
func TestThreadsDoNotChangeSums(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := rand.New(rand.NewPCG(9, 10))
	for _, c := range [][2][]int{
		{{}, {300, 1000}}, {{1000}, {300, 1000}}, {{300, 1}, {300, 1000}}, {{1, 7, 1}, {200, 7, 100}},
		{{3}, {100000, 3}}, {{40, 1, 50}, {40, 30, 50}},
	} {
		src := randoms(r, volume(c[1]))
		one, many := make([]float32, volume(c[0])), make([]float32, volume(c[0]))
		SumTo(nil, one, src, c[0], c[1])
		SumTo(w, many, src, c[0], c[1])
		if !slices.Equal(one, many) {
			t.Errorf("%v to %v: threads change the sums", c[1], c[0])
		}
	}
}

func BenchmarkCombine(b *testing.B) {
	w := NewWorkers(2)
	defer w.Close()
	r := rand.New(rand.NewPCG(11, 12))
	out := []int{32, 64, 28, 28}
	for _, shape := range [][]int{out, {}, {1, 64, 1, 1}, {28}, {32, 64, 1, 1}} {
		x, y, z := randoms(r, volume(out)), randoms(r, volume(shape)), make([]float32, volume(out))
		plan := NewBroadcast(out, out, shape)
		b.Run(fmt.Sprintf("add%v", shape), func(b *testing.B) {
			b.SetBytes(int64(8 * len(z)))
			for b.Loop() {
				Combine(w, z, x, y, plan, Add)
			}
		})
		b.Run(fmt.Sprintf("sumto%v", shape), func(b *testing.B) {
			b.SetBytes(int64(4 * len(z)))
			for b.Loop() {
				SumTo(w, y, x, shape, out)
			}
		})
	}
}
