package kernel

import (
	"math"
	"testing"
)

// TestRowLoopsAgree: the generated loops give the bits of the plain ones, on whole rounds and with a rest.
func TestRowLoopsAgree(t *testing.T) {
	for _, n := range []int{32, 64, 96, 320} {
		x, y := normals(1, n), normals(2, n)
		var got, want [8]float64
		check := func(what string) {
			t.Helper()
			if got != want {
				t.Errorf("%s of %d: %v, want %v", what, n, got, want)
			}
		}
		rowSum(&got, x)
		plainRowSum(&want, x)
		check("sum")
		rowDot(&got, x, y)
		plainRowDot(&want, x, y)
		check("dot")
		rowSquares(&got, x, 0.3)
		plainRowSquares(&want, x, 0.3)
		check("squares")
		var top, best [8]float32
		rowMax(&top, x)
		plainRowMax(&best, x)
		for i := range top {
			got[i], want[i] = float64(top[i]), float64(best[i])
		}
		check("maxima")
		acc, sums := make([]float64, n), make([]float64, n)
		rowAdd(acc, x)
		rowAdd(acc, y)
		plainRowAdd(sums, x)
		plainRowAdd(sums, y)
		for i, v := range sums {
			if acc[i] != v {
				t.Errorf("column %d of %d is %g, want %g", i, n, acc[i], v)
			}
		}
	}
}

func TestRunsOfAnyLength(t *testing.T) {
	for n := range 100 {
		x, y := normals(3, n), normals(4, n)
		sum, dot, squares, top := 0.0, 0.0, 0.0, math.Inf(-1)
		for i, v := range x {
			sum += float64(v)
			dot += float64(v) * float64(y[i])
			squares += (float64(v) - 0.5) * (float64(v) - 0.5)
			top = max(top, float64(v))
		}
		near(t, "runs", []float32{float32(sumRun(x)), float32(dotRun(x, y)), float32(squaresAround(x, 0.5))},
			[]float64{sum, dot, squares}, 1e-6)
		if got := greatestOf(x); float64(got) != top {
			t.Errorf("greatest of %d is %g, want %g", n, got, top)
		}
	}
}
