package routed

import (
	"math"
	"slices"
	"testing"
)

// TestWorkedCase is elect, mask and rescale of three task vectors worked out by hand.
func TestWorkedCase(t *testing.T) {
	taus := [][]float64{{1, -2, 0.5, 0}, {3, 1, -0.5, 0}, {-1, -1, 0, 0}}
	tau := elect(taus) // sums 3, -2, 0 and 0: signs +, -, - and -
	if want := []float64{3, -2, -0.5, 0}; !slices.Equal(tau, want) {
		t.Errorf("elected %v, want %v", tau, want)
	}
	masks := [][]bool{{true, true, false, false}, {true, false, true, false}, {false, true, false, false}}
	factors := []float64{3.5 / 5, 4.5 / 3.5, 2.0 / 2}
	for k, own := range taus {
		var r rescaling
		r.add(own[:2], tau[:2])
		r.add(own[2:], tau[2:])
		if got := r.factor(); got != factors[k] {
			t.Errorf("task %d: lambda %v, want %v", k, got, factors[k])
		}
		for i := range own {
			if agree(own[i], tau[i]) != masks[k][i] {
				t.Errorf("task %d, weight %d: mask %v, want %v", k, i, !masks[k][i], masks[k][i])
			}
		}
	}
}

// TestFactorGuards: an empty mask, no task vector at all, and sums beyond numbers leave the unified vector as it is.
func TestFactorGuards(t *testing.T) {
	for _, r := range []rescaling{{}, {own: 2}, {own: math.Inf(1), kept: 1}, {own: 1e308, kept: 1e-308},
		{own: math.NaN(), kept: 1}, {own: math.Inf(1), kept: math.Inf(1)}} {
		if got := r.factor(); got != 1 {
			t.Errorf("%v: factor %v, want 1", r, got)
		}
	}
	if agree(1e-300, 1e-300) != true || agree(0, 1) || agree(1, math.Copysign(0, -1)) {
		t.Error("numbers of tiny product, or zeros, are masked wrongly")
	}
}

// TestMatrix: what varies along one axis is a vector, whatever its shape.
func TestMatrix(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  bool
	}{{nil, false}, {[]int{7}, false}, {[]int{1, 7, 1, 1}, false}, {[]int{1, 1}, false}, {[]int{2, 3}, true},
		{[]int{8, 1, 3, 3}, true}, {[]int{0, 3}, false}} {
		if matrix(c.shape) != c.want {
			t.Errorf("%v: want %v", c.shape, c.want)
		}
	}
}
