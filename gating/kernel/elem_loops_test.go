package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// operandsFor draws operands that suit a loop: outputs of a sigmoid for its backward loop, and so on.
func operandsFor(r *rand.Rand, kind loopKind, n int) (a, b []float32, p, q float32) {
	a, b = randoms(r, n), randoms(r, n)
	for i := range a {
		a[i], b[i] = 3*a[i], 3*b[i]
	}
	p, q = 0.75, 1.5
	switch kind {
	case loopSqrt:
		for i := range a {
			a[i] = float32(math.Abs(float64(a[i])))
		}
	case loopSigmoidBackward, loopTanhBackward, loopHardSigmoidBackward, loopSqrtBackward:
		for i := range b {
			b[i] = float32(0.01 + 0.98*r.Float64())
		}
	case loopClip, loopClipBackward:
		p, q = -1, 2
	case loopHardSigmoid:
		p, q = 0.2, 0.5
	}
	return a, b, p, q
}

func (c *loopReference) want(a, b []float32, p, q float32) []float64 {
	want := make([]float64, len(a))
	for i := range a {
		want[i] = c.f(float64(a[i]), float64(b[i]), float64(p), float64(q))
	}
	return want
}

// TestLoops compares every loop of every set with its definition, for all lengths around the vectors.
func TestLoops(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(11)
		for kind, c := range loopReferences {
			for _, n := range append(manyTails, 127, 128, 129, 1000) {
				a, b, p, q := operandsFor(r, loopKind(kind), n)
				dst := newGuarded(r, n)
				loops[kind](dst.slice(), a, b, p, q)
				dst.check(t, c.name)
				alike(t, c.name, dst.slice(), c.want(a, b, p, q), c.rel, c.floor)
			}
		}
	})
}

// TestLoopsInPlace checks that the result may overwrite either operand.
func TestLoopsInPlace(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(12)
		for kind, c := range loopReferences {
			for _, n := range []int{1, 15, 16, 33, 70} {
				a, b, p, q := operandsFor(r, loopKind(kind), n)
				want := make([]float32, n)
				loops[kind](want, a, b, p, q)
				onA, onB := append([]float32{}, a...), append([]float32{}, b...)
				loops[kind](onA, onA, b, p, q)
				loops[kind](onB, a, onB, p, q)
				if !equalBits(onA, want) || !equalBits(onB, want) {
					t.Fatalf("%s of %d elements gives other bits in place", c.name, n)
				}
			}
		}
	})
}

// TestLoopsAgree compares AVX2 and AVX-512 bit for bit, and both with plain Go to a few units in the last place.
func TestLoopsAgree(t *testing.T) {
	r := newRand(13)
	for kind, c := range loopReferences {
		a, b, p, q := operandsFor(r, loopKind(kind), 5000)
		onSets(t, c.name, func() []float32 {
			dst := make([]float32, len(a))
			loops[kind](dst, a, b, p, q)
			return dst
		})
		got, want := make([]float32, len(a)), make([]float32, len(a))
		loops[kind](got, a, b, p, q)
		plainLoops[kind](want, a, b, p, q)
		alike(t, c.name+" beside plain Go", got, doubles(want), max(2*c.rel, 2e-7), max(c.floor, 1e-37))
	}
}

// TestArithmeticOfSpecials checks NaN, infinities, zeros and numbers of extreme size against IEEE 754, which double
// precision follows too.
func TestArithmeticOfSpecials(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		var a, b []float32
		for _, x := range specials {
			for _, y := range specials {
				a, b = append(a, x), append(b, y)
			}
		}
		dst := make([]float32, len(a))
		for _, kind := range []loopKind{loopAdd, loopSub, loopMul, loopDiv} {
			loops[kind](dst, a, b, 0, 0)
			c := loopReferences[kind]
			alike(t, c.name, dst, c.want(a, b, 0, 0), 2*exact, 1e-44)
		}
		for _, kind := range []loopKind{loopAddOne, loopSubOne, loopSubFrom, loopMulOne, loopDivOne, loopDivInto} {
			for _, p := range specials {
				loops[kind](dst, a, a, p, 0)
				c := loopReferences[kind]
				alike(t, c.name, dst, c.want(a, a, p, 0), 2*exact, 1e-44)
			}
		}
	})
}

// TestFunctionsOfSpecials checks one operand: zeros keep what the definition says, NaN comes through, infinities give
// limits. Subnormal numbers may count as zero.
func TestFunctionsOfSpecials(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for _, kind := range []loopKind{loopSqrt, loopRelu, loopClip, loopLeakyRelu, loopHardSigmoid, loopHardSwish,
			loopExp,
			loopSigmoid, loopTanh, loopSoftplus, loopElu, loopErf} {
			_, _, p, q := operandsFor(newRand(1), kind, 0)
			dst := make([]float32, len(specials))
			loops[kind](dst, specials, specials, p, q)
			c := loopReferences[kind]
			alike(t, c.name, dst, c.want(specials, specials, p, q), 1e-6, 1e-37)
		}
	})
}

// TestBackwardLoopsPassNaNOn checks that a NaN in dy comes through where there is a slope, and that what has no slope
// gives 0 even for NaN and infinities: a unit that is off learns nothing.
func TestBackwardLoopsPassNaNOn(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for _, c := range []struct {
			kind    loopKind
			on, off float32 // operands at which there is a slope, and none
			p, q    float32
		}{
			{loopReluBackward, 2, 0, 0, 0}, {loopReluBackward, 2, -1, 0, 0}, {loopClipBackward, 0.5, 3, -1, 2},
			{loopClipBackward, -1, -1.5, -1, 2}, {loopHardSigmoidBackward, 0.5, 1, 0.2, 0.5},
			{loopHardSigmoidBackward, 0.5, 0, 0.2, 0.5}, {loopHardSwishBackward, 1, -4, 0, 0},
			{loopLeakyReluBackward, -1, -1, 0.1, 0},
		} {
			for _, n := range []int{1, 7, 16, 40} {
				dy, at, dst := make([]float32, n), make([]float32, n), make([]float32, n)
				for i := range dy {
					dy[i], at[i] = []float32{nan32, inf32, 2}[i%3], c.on
				}
				loops[c.kind](dst, dy, at, c.p, c.q)
				for i, v := range dst {
					if i%3 == 0 && v == v || i%3 == 1 && !math.IsInf(float64(v), 0) || i%3 == 2 && v == 0 {
						t.Fatalf("%s: %g at %g gives %g", loopReferences[c.kind].name, dy[i], at[i], v)
					}
				}
				if c.off == c.on {
					continue
				}
				for i := range at {
					at[i] = c.off
				}
				loops[c.kind](dst, dy, at, c.p, c.q)
				for i, v := range dst {
					if v != 0 {
						t.Fatalf("%s: %g at %g gives %g, want 0", loopReferences[c.kind].name, dy[i], at[i], v)
					}
				}
			}
		}
	})
}

// TestLineLoops compares the loops over several lines with one loop a line, for every length and distance.
func TestLineLoops(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(14)
		for kind := loopAdd; kind <= loopDivInto; kind++ {
			f := lines(kind)
			if f == nil {
				if simd != generic {
					t.Errorf("%s has no loop over lines of %s", simd.name, loopReferences[kind].name)
				}
				continue
			}
			vector := kind == loopAdd || kind == loopSub || kind == loopMul || kind == loopDiv
			for n := 1; n <= 40; n++ {
				testLineLoop(t, r, kind, f, vector, n)
			}
			f(0, 5, nil, nil, nil, 5, 5)
			f(5, 0, nil, nil, nil, 0, 0)
		}
	})
}

func testLineLoop(t *testing.T, r *rand.Rand, kind loopKind, f lineLoop, vector bool, n int) {
	t.Helper()
	rows, width := 1+r.IntN(4), 1
	if vector {
		width = n
	}
	da, db := (n+r.IntN(3))*r.IntN(2), (width+r.IntN(3))*r.IntN(2) // 0 repeats a line
	a, b := randoms(r, (rows-1)*da+n), randoms(r, (rows-1)*db+width)
	dst, want := newGuarded(r, rows*n), make([]float32, rows*n)
	f(rows, n, dst.slice(), a, b, da, db)
	dst.check(t, loopReferences[kind].name)
	for i := range rows {
		x, y := a[i*da:][:n], b[i*db:][:width]
		if vector {
			loops[kind](want[i*n:][:n], x, y, 0, 0)
		} else {
			loops[kind](want[i*n:][:n], x, x, y[0], 0)
		}
	}
	if !equalBits(dst.slice(), want) {
		t.Fatalf("%s of %d lines of %d, %d and %d apart, differs from single lines", loopReferences[kind].name, rows,
			n, da, db)
	}
}
