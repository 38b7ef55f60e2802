package regression

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
)

func normals(seed uint64, n int) []float32 {
	g := random.New(seed, 0)
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(g.Normal())
	}
	return out
}

// TestSolutionIsStationary: at the least of |XV - T|² + |D^½ (V - V0)|² its gradient, 2 X'(XV - T) + 2 D (V - V0),
// is zero; it is computed here row by row, from the rows themselves.
func TestSolutionIsStationary(t *testing.T) {
	const inputs, units, rows = 9, 4, 700 // more rows than are added at once
	x, targets := normals(1, rows*inputs), normals(2, rows*units)
	for r := range rows { // inputs of unlike size, of which two are nearly one
		x[r*inputs] *= 30
		x[r*inputs+1] = x[r*inputs+2] + 1e-3*x[r*inputs+1]
	}
	start := make([]float64, inputs*units)
	for i, v := range normals(3, len(start)) {
		start[i] = float64(v)
	}
	squares, mean := squaresOf(x, inputs)
	for _, alike := range []bool{false, true} {
		r := NewRidge(inputs, units)
		r.Add(nil, x[:300*inputs], targets[:300*units])
		r.Add(nil, x[300*inputs:], targets[300*units:])
		v := r.Solve(start, alike)
		for i := range inputs {
			d := 0.01*squares[i] + 1e-4*mean
			if alike {
				d = 0.01 * mean
			}
			for u := range units {
				gradient := d * (v[i*units+u] - start[i*units+u])
				for row := range rows {
					residual := -float64(targets[row*units+u])
					for k := range inputs {
						residual += float64(x[row*inputs+k]) * v[k*units+u]
					}
					gradient += float64(x[row*inputs+i]) * residual
				}
				if math.Abs(gradient) > 1e-4*math.Sqrt(squares[i]*rows) {
					t.Errorf("alike %v: the gradient at input %d of unit %d is %g", alike, i, u, gradient)
				}
			}
		}
	}
}

// squaresOf is each input's sum of squares, and their mean.
func squaresOf(x []float32, inputs int) (squares []float64, mean float64) {
	squares = make([]float64, inputs)
	for i, f := range x {
		squares[i%inputs] += float64(f) * float64(f)
		mean += float64(f) * float64(f) / float64(inputs)
	}
	return squares, mean
}

// TestLine is the ridge regression on one input and a one, drawn towards t = x.
func TestLine(t *testing.T) {
	const rows, step = 50, 3
	x, targets := normals(7, rows*step), normals(8, rows*step)
	r := NewRidge(2, 1)
	for i := 0; i < len(x); i += step {
		r.Add(nil, []float32{x[i], 1}, targets[i:i+1])
	}
	want := r.Solve([]float64{1, 0}, false)
	scale, shift := Line(x, targets, step)
	if math.Abs(scale-want[0]) > 1e-5 || math.Abs(shift-want[1]) > 1e-5 {
		t.Errorf("%g x + %g, want %v", scale, shift, want)
	}
	if scale, shift := Line(x, x, step); math.Abs(scale-1) > 1e-12 || math.Abs(shift) > 1e-12 {
		t.Errorf("of itself it is %g x + %g", scale, shift)
	}
}

// TestWithoutRowsItStaysAtTheStart, and rows that are no numbers give no solution rather than weights that are none.
func TestWithoutRowsItStaysAtTheStart(t *testing.T) {
	start := []float64{1, 2, 3, 4}
	r := NewRidge(2, 2)
	r.Add(nil, []float32{1e-3, 0, 0, 0}, []float32{9, 9, 9, 9})
	v := r.Solve(start, true)
	for i := range v {
		if i >= 2 && math.Abs(v[i]-start[i]) > 1e-9 {
			t.Errorf("without rows for it, weight %d is %g, the start %g", i, v[i], start[i])
		}
	}
	nan := float32(math.NaN())
	r = NewRidge(2, 2)
	r.Add(nil, []float32{nan, 1, 1, 1}, []float32{1, 1, 1, 1})
	if v := r.Solve(start, false); v != nil {
		t.Errorf("solved %v from a NaN", v)
	}
	r = NewRidge(2, 2)
	r.Add(nil, []float32{1, 0, 0, 1}, []float32{nan, 1, 1, 1})
	if v := r.Solve(start, false); v != nil {
		t.Errorf("solved %v for a NaN", v)
	}
	if v := NewRidge(2, 2).Solve(start, false); v != nil {
		t.Errorf("solved %v from nothing", v)
	}
}
