package linear

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// inverse is the inverse of every matrix of a stack, by elimination with row exchange in double precision.
type inverse struct{ det }

// buildInverse follows com.microsoft Inverse.
func buildInverse(c *op.Call) (op.Operator, []op.Spec, error) {
	operator, _, err := buildDet(c)
	if err != nil {
		return nil, nil, err
	}
	return &inverse{*operator.(*det)}, []op.Spec{c.In[0].Spec}, nil
}

// solve returns the inverse of a, which it overwrites; ok is false where there is none.
func (v *inverse) solve(a []float64) (b []float64, ok bool) {
	n := v.n
	b = make([]float64, n*n)
	for i := range n {
		b[i*n+i] = 1
	}
	for k := range n {
		best := k
		for r := k + 1; r < n; r++ {
			if math.Abs(a[r*n+k]) > math.Abs(a[best*n+k]) {
				best = r
			}
		}
		pivot := a[best*n+k]
		if pivot == 0 {
			return nil, false
		}
		for j := range n {
			a[k*n+j], a[best*n+j] = a[best*n+j], a[k*n+j]
			b[k*n+j], b[best*n+j] = b[best*n+j], b[k*n+j]
		}
		for j := range n {
			a[k*n+j], b[k*n+j] = a[k*n+j]/pivot, b[k*n+j]/pivot
		}
		for r := range n {
			f := a[r*n+k]
			if r == k || f == 0 {
				continue
			}
			for j := range n {
				a[r*n+j] -= f * a[k*n+j]
				b[r*n+j] -= f * b[k*n+j]
			}
		}
	}
	return b, true
}

// Forward computes the inverses. A matrix without one is an error.
func (v *inverse) Forward(_ *op.Context, in, out []*op.Tensor) error {
	for i := range v.count {
		b, ok := v.solve(v.matrix(in[0].F, i))
		if !ok {
			return fmt.Errorf("matrix %d is singular", i)
		}
		op.Narrow(out[0].F[i*len(b):], b)
	}
	return nil
}

// Backward is -Y^T dY Y^T.
func (v *inverse) Backward(x *op.Context, _, _ int, _, out []*op.Tensor, dy, dx *op.Tensor) error {
	n := v.n
	x.Workers.For(v.count, 1, func(lo, hi int) {
		half := make([]float64, n*n)
		for i := lo; i < hi; i++ {
			y, g, to := out[0].F[i*n*n:], dy.F[i*n*n:], dx.F[i*n*n:]
			for e := range half {
				half[e] = 0
				for k := range n {
					half[e] -= float64(y[k*n+e/n]) * float64(g[k*n+e%n])
				}
			}
			for e := range half {
				var sum float64
				for k := range n {
					sum += half[e/n*n+k] * float64(y[e%n*n+k])
				}
				to[e] = float32(sum)
			}
		}
	})
	return nil
}
