package linear

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// detOps are functions of square matrices.
var detOps = op.Family{
	op.WithGradient("Det", 11, buildDet),
	op.WithGradient("com.microsoft.Inverse", 1, buildInverse),
}

// det is the determinant of every matrix of a stack, by elimination with row exchange in double precision.
type det struct{ count, n int }

// buildDet follows Det of opsets 11 and 22.
func buildDet(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	s := c.In[0].Shape
	if len(s) < 2 || s[len(s)-1] != s[len(s)-2] {
		return nil, nil, c.ShapeError("input 0 has shape %v, want square matrices", s)
	}
	batch := s[:len(s)-2]
	return &det{op.SizeOf(batch), s[len(s)-1]}, []op.Spec{{Type: c.In[0].Type, Shape: batch}}, nil
}

// matrix returns a copy of matrix i.
func (d *det) matrix(x []float32, i int) []float64 {
	a := make([]float64, d.n*d.n)
	for k, v := range x[i*d.n*d.n : (i+1)*d.n*d.n] {
		a[k] = float64(v)
	}
	return a
}

// eliminate brings a to triangular form and returns its determinant.
func (d *det) eliminate(a []float64) float64 {
	n, product := d.n, 1.0
	for k := range n {
		best := k
		for r := k + 1; r < n; r++ {
			if math.Abs(a[r*n+k]) > math.Abs(a[best*n+k]) {
				best = r
			}
		}
		if a[best*n+k] == 0 {
			return 0
		}
		if best != k {
			product = -product
			for j := k; j < n; j++ {
				a[k*n+j], a[best*n+j] = a[best*n+j], a[k*n+j]
			}
		}
		product *= a[k*n+k]
		for r := k + 1; r < n; r++ {
			f := a[r*n+k] / a[k*n+k]
			for j := k; j < n; j++ {
				a[r*n+j] -= f * a[k*n+j]
			}
		}
	}
	return product
}

// Forward computes the determinants.
func (d *det) Forward(x *op.Context, in, out []*op.Tensor) error {
	x.Workers.For(d.count, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[0].F[i] = float32(d.eliminate(d.matrix(in[0].F, i)))
		}
	})
	return nil
}

// Backward is dy times the cofactors, which exist for singular matrices too:
// the determinant with one row replaced by a unit vector.
func (d *det) Backward(x *op.Context, _, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	n := d.n
	x.Workers.For(d.count*n*n, 1, func(lo, hi int) {
		for e := lo; e < hi; e++ {
			a := d.matrix(in[0].F, e/(n*n))
			row, col := e/n%n, e%n
			clear(a[row*n : (row+1)*n])
			a[row*n+col] = 1
			dx.F[e] = float32(float64(dy.F[e/(n*n)]) * d.eliminate(a))
		}
	})
	return nil
}
