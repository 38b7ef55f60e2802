package ir_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/ir"
)

// TestMixIsTheSum holds Mix and Gradient against their definitions, element by element, for one coefficient a parent
// and for one a channel along every axis. A parent whose coefficient is 0 may hold anything.
func TestMixIsTheSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shape := []int{3, 4, 50}
	for axis := -1; axis < len(shape); axis++ {
		units := 1
		if axis >= 0 {
			units = shape[axis]
		}
		p := &ir.Param{Shape: shape, Axis: axis}
		for range 3 {
			v := make([]float32, 600)
			for i := range v {
				v[i] = float32(r.NormFloat64())
			}
			p.Values = append(p.Values, v)
		}
		c, dw := make([]float64, 3*units), make([]float32, 600)
		for i := range 2 * units {
			c[i] = float64(float32(r.NormFloat64()))
		}
		for i := range dw {
			dw[i] = float32(r.NormFloat64())
		}
		p.Values[2][7] = float32(math.NaN()) // its coefficients are 0
		w, dc := make([]float32, 600), make([]float64, 3*units)
		p.Mix(nil, c, w)
		p.Gradient(nil, dw, dc)
		want := make([]float64, len(dc))
		for i := range w {
			u := 0
			if axis >= 0 {
				u = []int{i / 200, i / 50 % 4, i % 50}[axis]
			}
			var sum float64
			for j := range 2 {
				sum += c[j*units+u] * float64(p.Values[j][i])
				want[j*units+u] += float64(dw[i]) * float64(p.Values[j][i])
			}
			if math.Abs(float64(w[i])-sum) > 1e-5 {
				t.Fatalf("axis %d: element %d is %g, want %g", axis, i, w[i], sum)
			}
		}
		for i := range 2 * units {
			if math.Abs(dc[i]-want[i]) > 1e-3 {
				t.Errorf("axis %d: gradient %d is %g, want %g", axis, i, dc[i], want[i])
			}
		}
	}
}

// Example mixes two weights of two rows, with a coefficient for every row.
func Example() {
	p := &ir.Param{Shape: []int{2, 2}, Axis: 0, Values: [][]float32{{1, 1, 1, 1}, {2, 2, 2, 2}}}
	w := make([]float32, 4)
	p.Mix(nil, []float64{1, 0.5, 0, 0.5}, w) // parent by parent
	fmt.Println(w)
	// Output: [1 1 1.5 1.5]
}
