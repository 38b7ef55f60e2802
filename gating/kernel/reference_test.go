package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What the tests of all prefixes share: random numbers, memory with guards, comparisons, and the sets of inner loops.
// The naive definitions that kernels are compared with stand in a file of their own for each prefix.

var (
	inf32    = float32(math.Inf(1))
	nan32    = float32(math.NaN())
	minus0   = float32(math.Copysign(0, -1))
	smallest = float32(math.SmallestNonzeroFloat32)
	specials = []float32{0, minus0, 1, -1, smallest, -smallest, 1e-38, math.MaxFloat32, -math.MaxFloat32, inf32,
		-inf32, nan32}
	manyTails = span(0, 70)
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }

// span returns the whole numbers from lo to hi.
func span(lo, hi int) []int {
	list := make([]int, 0, hi-lo+1)
	for i := lo; i <= hi; i++ {
		list = append(list, i)
	}
	return list
}

// randoms returns n numbers from the standard normal distribution, at any alignment.
func randoms(r *rand.Rand, n int) []float32 {
	skip := r.IntN(16)
	out := make([]float32, skip+n)[skip:]
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

// normals is randoms of a seed.
func normals(seed uint64, n int) []float32 { return randoms(rand.New(rand.NewPCG(seed, 9)), n) }

// fewer is a quarter of n in a short run, which is what the race detector gets.
func fewer(n int) int {
	if testing.Short() {
		return (n + 3) / 4
	}
	return n
}

// withSpecials replaces about one element in ten by zeros, infinities, NaN and numbers of extreme size.
func withSpecials(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		if r.IntN(10) == 0 {
			x[i] = specials[r.IntN(len(specials))]
		}
	}
	return x
}

// guarded is memory for a result: NaN to begin with, at any alignment, between elements that must stay as they are.
type guarded struct {
	all []float32
	lo  int
	n   int
}

const guardValue = 12345.5

func newGuarded(r *rand.Rand, n int) *guarded {
	g := &guarded{lo: 16 + r.IntN(16), n: n}
	g.all = slices.Repeat([]float32{guardValue}, g.lo+n+32)
	for i := range g.slice() {
		g.slice()[i] = nan32
	}
	return g
}

// slice is where the result belongs.
func (g *guarded) slice() []float32 { return g.all[g.lo : g.lo+g.n : g.lo+g.n] }

// check fails if anything around the result was written.
func (g *guarded) check(t *testing.T, name string) {
	t.Helper()
	for i, v := range g.all {
		if (i < g.lo || i >= g.lo+g.n) && v != guardValue {
			t.Fatalf("%s: element %d of a result of %d was overwritten", name, i-g.lo, g.n)
		}
	}
}

// onWorkers runs a kernel without workers and with some, and fails unless the results are equal bit for bit.
func onWorkers(t *testing.T, name string, run func(w *Workers) []float32) []float32 {
	t.Helper()
	want := run(nil)
	counts := []int{2, 3, 5}
	if testing.Short() {
		counts = []int{3}
	}
	for _, threads := range counts {
		w := NewWorkers(threads)
		got := run(w)
		w.Close()
		if !equalBits(got, want) {
			t.Errorf("%s: %d threads give other bits than one", name, threads)
		}
	}
	return want
}

// eachSet runs a test with every set of inner loops there is for this architecture. Those that this processor lacks are
// skipped by name.
func eachSet(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	before := simd
	defer useSet(before)
	for _, name := range everySet {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(available(), func(s *instructions) bool { return s.name == name })
			if i < 0 {
				t.Skipf("this processor has no %s", name)
			}
			useSet(available()[i])
			test(t)
		})
	}
}

// onSets runs a kernel with every set but the generic one and fails unless the results are equal bit for bit.
func onSets(t *testing.T, name string, run func() []float32) {
	t.Helper()
	before := simd
	defer useSet(before)
	var want []float32
	for _, s := range available() {
		if s == generic {
			continue
		}
		useSet(s)
		got := run()
		if want != nil && !equalBits(got, want) {
			t.Errorf("%s: %s gives other bits than %s", name, s.name, available()[0].name)
		}
		want = got
	}
}

// useSet makes all kernels use a set of inner loops.
func useSet(s *instructions) {
	simd, loops = s, fastLoops(s.name)
	useRowLoops(s.name)
}

// equalBits says whether two slices are equal, NaN being equal to NaN.
func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
	})
}

// compare fails unless got is within a few rounding errors of want, where scale is the sum of absolute terms.
func compare(t *testing.T, what string, got []float32, want, scale []float64) {
	t.Helper()
	for i, g := range got {
		if d := math.Abs(float64(g) - want[i]); !(d <= 2e-6*scale[i]+1e-30) {
			t.Fatalf("%s[%d] = %v, want %v", what, i, g, want[i])
		}
	}
}

// near fails unless got equals want within tol times the largest element wanted.
func near(t *testing.T, name string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", name, len(got), len(want))
	}
	scale := 1e-6
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= tol*scale) {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got[i], v)
		}
	}
}

// alike fails unless got has NaN, the infinities and zeros where want has them and is near elsewhere: relative to the
// element itself, or to floor where that is more.
func alike(t *testing.T, name string, got []float32, want []float64, rel, floor float64) {
	t.Helper()
	for i, v := range want {
		g, w := float64(got[i]), float64(float32(v))
		switch {
		case w != w && g != g, g == w:
		case w != w || g != g || math.IsInf(w, 0) || math.IsInf(g, 0):
			t.Fatalf("%s: element %d is %g, want %g", name, i, g, v)
		case math.Abs(g-v) > max(rel*math.Abs(v), floor):
			t.Fatalf("%s: element %d is %g, want %g", name, i, g, v)
		}
	}
}

// innerProduct returns the sum of a·b and the sum of |a·b|.
func innerProduct(a, b []float32) (sum, size float64) {
	for i, v := range a {
		p := float64(v) * float64(b[i])
		sum, size = sum+p, size+math.Abs(p)
	}
	return sum, size
}

// checkAdjoint fails unless <y, Ax> = <A'y, x>. It holds for every linear kernel and its backward kernel, whatever A
// is: a check that needs no definition.
func checkAdjoint(t *testing.T, name string, y, ax, aty, x []float32) {
	t.Helper()
	left, size := innerProduct(y, ax)
	right, other := innerProduct(aty, x)
	if !(math.Abs(left-right) <= 2e-6*(size+other)+1e-30) {
		t.Fatalf("%s: <y, Ax> is %g, <A'y, x> is %g", name, left, right)
	}
}

// slopesOf returns the gradient of the sum of dy·f(x) by central differences of f in double precision.
func slopesOf(f func(x []float64) []float64, x []float64, dy []float32, h float64) []float64 {
	total := func() (sum float64) {
		for i, v := range f(x) {
			sum += v * float64(dy[i])
		}
		return sum
	}
	slopes := make([]float64, len(x))
	for i, v := range x {
		x[i] = v + h
		up := total()
		x[i] = v - h
		slopes[i] = (up - total()) / (2 * h)
		x[i] = v
	}
	return slopes
}

// doubles converts to double precision.
func doubles(x []float32) []float64 {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = float64(v)
	}
	return d
}

// mustPanic fails unless call panics.
func mustPanic(t *testing.T, name string, call func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", name)
		}
	}()
	call()
}
