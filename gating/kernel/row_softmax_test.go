package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// softmaxShapes are outer×n×inner: lines of every length around the vectors, contiguous and not, and many of them.
func softmaxShapes() [][3]int {
	list := [][3]int{{300, 100, 1}, {2, 9, 37}, {2, 9, 130}, {3, 200, 64}, {0, 5, 1}, {2, 0, 3}, {2, 3, 0}}
	for n := 1; n <= 70; n++ {
		list = append(list, [3]int{3, n, 1}, [3]int{2, n, 1 + n%5})
	}
	return list
}

// TestSoftmax compares softmax and its logarithm with their definitions.
func TestSoftmax(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(81)
		for _, s := range softmaxShapes() {
			outer, n, inner := s[0], s[1], s[2]
			x := randoms(r, outer*n*inner)
			y, logs := newGuarded(r, len(x)), newGuarded(r, len(x))
			Softmax(nil, y.slice(), x, outer, n, inner)
			LogSoftmax(nil, logs.slice(), x, outer, n, inner)
			y.check(t, "softmax")
			logs.check(t, "log softmax")
			for o := range outer * inner {
				want, log := naiveSoftmax(lineOf(x, o, n, inner))
				got, gotLog := lineOf(y.slice(), o, n, inner), lineOf(logs.slice(), o, n, inner)
				for k := range want {
					if math.Abs(got[k]-want[k]) > 4e-7 || math.Abs(gotLog[k]-log[k]) > 2e-6*(1+math.Abs(log[k])) {
						t.Fatalf("%v: element %d of line %d is %g and %g, want %g and %g", s, k, o, got[k],
							gotLog[k], want[k], log[k])
					}
				}
			}
		}
	})
}

// TestSoftmaxBackward compares both gradients with central differences of the definitions.
func TestSoftmaxBackward(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(82)
		for _, s := range [][3]int{{3, 1, 1}, {2, 7, 1}, {2, 5, 3}, {1, 33, 2}, {2, 70, 1}} {
			outer, n, inner := s[0], s[1], s[2]
			x, dy := randoms(r, outer*n*inner), randoms(r, outer*n*inner)
			y, logs, dx, dlog := make([]float32, len(x)), make([]float32, len(x)), newGuarded(r, len(x)),
				newGuarded(r, len(x))
			Softmax(nil, y, x, outer, n, inner)
			LogSoftmax(nil, logs, x, outer, n, inner)
			SoftmaxBackward(nil, dx.slice(), dy, y, outer, n, inner)
			LogSoftmaxBackward(nil, dlog.slice(), dy, logs, outer, n, inner)
			for o := range outer * inner {
				slope := lineOf(dy, o, n, inner)
				weights := make([]float32, n)
				for k, v := range slope {
					weights[k] = float32(v)
				}
				line := lineOf(x, o, n, inner)
				soft := slopesOf(func(v []float64) []float64 { y, _ := naiveSoftmax(v); return y }, line, weights, 1e-5)
				log := slopesOf(func(v []float64) []float64 { _, l := naiveSoftmax(v); return l }, line, weights, 1e-5)
				for k := range line {
					at := (o/inner*n+k)*inner + o%inner
					if math.Abs(float64(dx.slice()[at])-soft[k]) > 3e-6 ||
						math.Abs(float64(dlog.slice()[at])-log[k]) > 1e-5 {
						t.Fatalf("%v: gradients of element %d of line %d are %g and %g, want %g and %g", s, k, o,
							dx.slice()[at], dlog.slice()[at], soft[k], log[k])
					}
				}
			}
		}
	})
}

// TestSoftmaxOfSpecials checks masks of -Inf, lines of nothing but masks, NaN, and numbers that overflow on their own.
func TestSoftmaxOfSpecials(t *testing.T) {
	third := float32(math.Log(1. / 3))
	eachSet(t, func(t *testing.T) {
		for _, c := range []struct{ x, y, logs []float32 }{
			{[]float32{1, -inf32, 1}, []float32{0.5, 0, 0.5}, []float32{-math.Ln2, -inf32, -math.Ln2}},
			{[]float32{-inf32, 3, -inf32}, []float32{0, 1, 0}, []float32{-inf32, 0, -inf32}},
			{[]float32{-inf32, -inf32}, []float32{nan32, nan32}, []float32{nan32, nan32}},
			{[]float32{1, nan32, 2}, []float32{nan32, nan32, nan32}, []float32{nan32, nan32, nan32}},
			{[]float32{1e38, 1e38, 1e38}, []float32{1. / 3, 1. / 3, 1. / 3}, []float32{third, third, third}},
			{[]float32{-1e38, 0, -1e38}, []float32{0, 1, 0}, []float32{-1e38, 0, -1e38}},
			{[]float32{200, 0}, []float32{1, 0}, []float32{0, -200}},
		} {
			n := len(c.x)
			for _, pad := range []int{0, 40} { // with a vector's worth of masked elements behind
				x, y := slices.Concat(c.x, slices.Repeat([]float32{-inf32}, pad)), make([]float32, n+pad)
				Softmax(nil, y, x, 1, n+pad, 1)
				alike(t, fmt.Sprint("softmax of ", c.x, pad), y[:n], doubles(c.y), 1e-6, 1e-37)
				LogSoftmax(nil, y, x, 1, n+pad, 1)
				alike(t, fmt.Sprint("log softmax of ", c.x, pad), y[:n], doubles(c.logs), 1e-6, 1e-37)
			}
		}
	})
}

// TestSoftmaxInvariants checks what holds for every line: the sum is 1, a shift changes nothing, threads change no bit,
// and the result may stand where x did.
func TestSoftmaxInvariants(t *testing.T) {
	r := newRand(83)
	for _, s := range softmaxShapes() {
		outer, n, inner := s[0], s[1], s[2]
		x := randoms(r, outer*n*inner)
		y := onWorkers(t, fmt.Sprint("softmax ", s), func(w *Workers) []float32 {
			y := make([]float32, len(x))
			Softmax(w, y, x, outer, n, inner)
			return y
		})
		shifted := make([]float32, len(x))
		for i, v := range x {
			shifted[i] = v + 64
		}
		Softmax(nil, shifted, shifted, outer, n, inner)
		near(t, fmt.Sprint("shifted, in place ", s), shifted, doubles(y), 2e-5)
		for o := range outer * inner {
			var sum float64
			for _, v := range lineOf(y, o, n, inner) {
				sum += v
			}
			if n > 0 && math.Abs(sum-1) > 1e-6 {
				t.Fatalf("%v: line %d adds up to %g", s, o, sum)
			}
		}
		dx := onWorkers(t, fmt.Sprint("softmax backward ", s), func(w *Workers) []float32 {
			dx := make([]float32, len(x))
			SoftmaxBackward(w, dx, x, y, outer, n, inner)
			return dx
		})
		over := slices.Clone(x)
		if SoftmaxBackward(nil, over, over, y, outer, n, inner); !equalBits(over, dx) {
			t.Fatalf("%v: the gradient has other bits over dy", s)
		}
	}
}
