// Package regression finds the weights of a linear layer from what reaches it and what it should compute:
// it gathers rows of both from the values of a network, some places of each sample, and solves for the
// weights by ridge regression.
package regression

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/softmerge/softmerge/gating/kernel"
)

// Ridge is a ridge regression V = (X'X + D)^-1 (X'T + D V0) that takes its rows some at a
// time: rows of inputs X, as wide as there are inputs to a unit, and of targets T, one a unit.
// It is drawn towards V0, weights that are good already, along directions that the rows say little about.
type Ridge struct {
	inputs, units int
	products      []float64 // X'X, inputs by inputs
	targets       []float64 // X'T, inputs by units
	part          []float32 // of some rows
}

// rowsAtOnce is how many rows are multiplied in float32 before they are added up in float64.
const rowsAtOnce = 512

// NewRidge returns a regression without rows.
func NewRidge(inputs, units int) *Ridge {
	return &Ridge{inputs, units, make([]float64, inputs*inputs), make([]float64, inputs*units),
		make([]float32, inputs*max(inputs, units))}
}

// Add takes rows of inputs, and as many of their targets.
func (r *Ridge) Add(w *kernel.Workers, x, t []float32) {
	rows := len(x) / r.inputs
	for first := 0; first < rows; first += rowsAtOnce {
		n := min(rowsAtOnce, rows-first)
		left := kernel.NewMatrix(x[first*r.inputs:(first+n)*r.inputs], n, r.inputs, r.inputs)
		right := kernel.NewMatrix(t[first*r.units:(first+n)*r.units], n, r.units, r.units)
		r.multiply(w, r.products, left, left)
		r.multiply(w, r.targets, left, right)
	}
}

// multiply adds A'B to a sum.
func (r *Ridge) multiply(w *kernel.Workers, sum []float64, a, b kernel.Matrix) {
	part := r.part[:len(sum)]
	kernel.Gemm(w, kernel.NewMatrix(part, a.Cols, b.Cols, b.Cols), a.T(), b, 1, 0)
	for i, v := range part {
		sum[i] += float64(v)
	}
}

// Strengths of the ridge D: a share of each input's own sum of squares, and of their mean.
const (
	ridgeOwn  = 0.01
	ridgeMean = 1e-4
)

// Solve returns V, inputs by units, for a start V0 of that shape; nil where the
// equations have no solution in numbers. alike takes one strength for all inputs, as few inputs want it.
func (r *Ridge) Solve(start []float64, alike bool) []float64 {
	k, m := r.inputs, r.units
	var mean float64
	for i := range k {
		mean += r.products[i*k+i] / float64(k)
	}
	a, b := mat.NewSymDense(k, r.products), mat.NewDense(k, m, r.targets)
	for i := range k {
		d := ridgeOwn*r.products[i*k+i] + ridgeMean*mean
		if alike {
			d = ridgeOwn * mean
		}
		a.SetSym(i, i, a.At(i, i)+d)
		for u := range m {
			r.targets[i*m+u] += d * start[i*m+u]
		}
	}
	var root mat.Cholesky
	out := mat.NewDense(k, m, nil)
	if !root.Factorize(a) || root.SolveTo(out, b) != nil {
		return nil
	}
	v := out.RawMatrix().Data
	if slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
		return nil
	}
	return v
}

// Line returns the line t = scale x + shift nearest in least squares to every step-th of two lists, drawn towards
// t = x by the ridge of a Ridge.
func Line(x, t []float32, step int) (scale, shift float64) {
	var n, sx, sxx, st, sxt float64
	for i := 0; i < len(x); i += step {
		a, b := float64(x[i]), float64(t[i])
		n, sx, sxx, st, sxt = n+1, sx+a, sxx+a*a, st+b, sxt+a*b
	}
	mean := ridgeMean * (sxx + n) / 2
	dx, d1 := ridgeOwn*sxx+mean, ridgeOwn*n+mean
	// [sxx+dx sx; sx n+d1] [scale; shift] = [sxt+dx; st]
	sxt, sxx, n = sxt+dx, sxx+dx, n+d1
	det := sxx*n - sx*sx
	return (sxt*n - sx*st) / det, (sxx*st - sx*sxt) / det
}
