package linear

import (
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// intMatmul is a product of integer matrices, wrapped to the output's width.
type intMatmul struct {
	*matmul
	in, out onnx.DataType
}

// Forward computes Y.
func (p *intMatmul) Forward(_ *op.Context, in, out []*op.Tensor) error {
	p.multiply(in[0].I, in[1].I, out[0].I)
	for i, v := range out[0].I {
		out[0].I[i] = op.WrapInt(p.out, v)
	}
	return nil
}

// multiply computes the product in int64.
func (p *matmul) multiply(a, b, y []int64) {
	ra, ca := p.k, 1
	rb, cb := p.n, 1
	if p.transA {
		ra, ca = 1, p.m
	}
	if p.transB {
		rb, cb = 1, p.k
	}
	p.runs(func(n, fromA, stepA, fromB, stepB, to int) {
		for z := range n {
			a, b, y := a[(fromA+z*stepA)*p.m*p.k:], b[(fromB+z*stepB)*p.k*p.n:], y[(to+z)*p.m*p.n:]
			for i := range p.m {
				for j := range p.n {
					var sum int64
					for l := range p.k {
						sum += a[i*ra+l*ca] * b[l*rb+j*cb]
					}
					y[i*p.n+j] = sum
				}
			}
		}
	})
}

// integerProduct is a stack of products of integer matrices, for operators that do more to the result.
type integerProduct struct {
	Shape          []int // of the result
	Inner, Columns int   // how many products an element sums, and columns of the result
	Multiply       func(a, b, y []int64)
}

// NewIntMatmul reads the geometry of the product of inputs 0 and 1.
func NewIntMatmul(c *op.Call) (*integerProduct, error) {
	m := &matmul{alpha: 1}
	shape, err := m.shape(c)
	if err != nil {
		return nil, err
	}
	return &integerProduct{shape, m.k, m.n, m.multiply}, nil
}
