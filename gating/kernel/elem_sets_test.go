package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// arithmeticPairs makes the exported pairs anew: those of the package hold the loops of the set that it began with.
func arithmeticPairs() map[string]*Pair[float32, float32] {
	return map[string]*Pair[float32, float32]{
		"add": loopPair(loopAdd, loopAddOne, loopAddOne), "sub": loopPair(loopSub, loopSubOne, loopSubFrom),
		"mul": loopPair(loopMul, loopMulOne, loopMulOne), "div": divPair(), "prelu": pReluPair(),
	}
}

var arithmetic = map[string]func(a, b float32) float32{
	"add": func(a, b float32) float32 { return a + b }, "sub": func(a, b float32) float32 { return a - b },
	"mul": func(a, b float32) float32 { return a * b }, "div": func(a, b float32) float32 { return a / b },
	"prelu": func(a, b float32) float32 {
		if a < 0 {
			return b * a
		}
		return a
	},
}

// TestCombineWithEverySet compares broadcast arithmetic of every set with its definition, operands with special values,
// bit for bit: one rounding has one result.
func TestCombineWithEverySet(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(71)
		for name, pair := range arithmeticPairs() {
			for range 300 {
				out := randomShape(r)
				sa, sb := narrowed(r, out), narrowed(r, out)
				a, b := withSpecials(r, randoms(r, volume(sa))), withSpecials(r, randoms(r, volume(sb)))
				got, want := newGuarded(r, volume(out)), make([]float32, volume(out))
				Combine(nil, got.slice(), a, b, NewBroadcast(out, sa, sb), pair)
				got.check(t, name)
				for e := range want {
					want[e] = arithmetic[name](a[source(e, out, sa)], b[source(e, out, sb)])
				}
				if !equalBits(got.slice(), want) {
					t.Fatalf("%s: %v from %v and %v is %v, want %v", name, out, sa, sb, got.slice(), want)
				}
			}
		}
	})
}

// TestCombineOverAnOperand writes the result over the operand of the same shape, as a residual connection does.
func TestCombineOverAnOperand(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(72)
		for name, pair := range arithmeticPairs() {
			for range 60 {
				out := randomShape(r)
				other := narrowed(r, out)
				a, b, want := randoms(r, volume(out)), randoms(r, volume(other)), make([]float32, volume(out))
				Combine(nil, want, a, b, NewBroadcast(out, out, other), pair)
				if Combine(nil, a, a, b, NewBroadcast(out, out, other), pair); !equalBits(a, want) {
					t.Fatalf("%s: %v and %v in place gives %v, want %v", name, out, other, a, want)
				}
			}
		}
	})
}

// TestCombineThreads shares large results out.
func TestCombineThreads(t *testing.T) {
	r := newRand(73)
	for _, c := range [][3][]int{
		{{200, 300}, {200, 300}, {300}}, {{200, 300}, {200, 1}, {300}}, {{3, 5, 7000}, {5, 1}, {3, 1, 7000}},
		{{90000}, {1}, {90000}},
	} {
		a, b := randoms(r, volume(c[1])), randoms(r, volume(c[2]))
		onWorkers(t, fmt.Sprint(c), func(w *Workers) []float32 {
			dst := make([]float32, volume(c[0]))
			Combine(w, dst, a, b, NewBroadcast(c[0], c[1], c[2]), Mul)
			return dst
		})
	}
}

// TestRowsCoverTheOutput walks over broadcasts of three operands and visits every element of the output once.
func TestRowsCoverTheOutput(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := newRand(74)
	for range 500 {
		out := randomShape(r)
		shapes := [][]int{narrowed(r, out), narrowed(r, out), out}
		b := NewBroadcast(out, shapes...)
		seen := make([]int, volume(out))
		b.Rows(w, func(at, n int, in []int) {
			for i := range n {
				seen[at+i]++
				for k, s := range b.Steps() {
					if got, want := in[k]+i*s, source(at+i, out, shapes[k]); got != want {
						t.Errorf("%v, operand %v: element %d reads %d, want %d", out, shapes[k], at+i, got, want)
					}
				}
			}
		})
		if i := slices.IndexFunc(seen, func(n int) bool { return n != 1 }); i >= 0 {
			t.Fatalf("%v: element %d is visited %d times", out, i, seen[i])
		}
	}
}

// TestSumToIsTheAdjointOfBroadcasting checks <dy, repeat(x)> against <SumTo(dy), x>.
func TestSumToIsTheAdjointOfBroadcasting(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(75)
		for range 500 {
			out := randomShape(r)
			shape := narrowed(r, out)
			x, dy := randoms(r, volume(shape)), randoms(r, volume(out))
			y, dx := make([]float32, len(dy)), newGuarded(r, len(x))
			Combine(nil, y, x, []float32{1}, NewBroadcast(out, shape, nil), arithmeticPairs()["mul"])
			SumTo(nil, dx.slice(), dy, shape, out)
			dx.check(t, "SumTo")
			checkAdjoint(t, fmt.Sprint(shape, " to ", out), dy, y, dx.slice(), x)
		}
	})
}

// TestPairOf compares the three forms of a function that does not commute, into another type.
func TestPairOf(t *testing.T) {
	below := PairOf(func(a, b int64) bool { return a < b })
	a, b, dst := []int64{1, 5, 3}, []int64{2, 5, 1}, make([]bool, 3)
	for _, c := range []struct {
		name string
		run  func()
		want []bool
	}{
		{"both", func() { below.Both(dst, a, b) }, []bool{true, false, false}},
		{"right", func() { below.Right(dst, a, 4) }, []bool{true, false, true}},
		{"left", func() { below.Left(dst, 2, b) }, []bool{false, true, false}},
	} {
		if c.run(); !slices.Equal(dst, c.want) {
			t.Errorf("%s gives %v, want %v", c.name, dst, c.want)
		}
	}
}
