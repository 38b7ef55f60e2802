package network

import (
	"github.com/softmerge/softmerge/gating/kernel"
)

// matrixOps are matrix products.
var matrixOps = family{
	{"", "Gemm", 1, gradFull, buildGemm},
}

// gemm is Y = alpha*op(A)*op(B) + beta*C with C broadcast to [m, n].
type gemm struct {
	m, n, k        int
	transA, transB bool
	alpha, beta    float32
}

func buildGemm(c *call) (Operator, []Spec, error) {
	if err := c.need(2); err != nil {
		return nil, nil, err
	}
	a, b := c.in[0].Shape, c.in[1].Shape
	if len(a) != 2 || len(b) != 2 {
		return nil, nil, c.shapeError("inputs have shapes %v and %v, want two matrices", a, b)
	}
	g := &gemm{transA: c.int("transA", 0) != 0, transB: c.int("transB", 0) != 0, alpha: c.float("alpha", 1), beta: c.float("beta", 1)}
	g.m, g.k, g.n = a[0], a[1], b[1]
	if g.transA {
		g.m, g.k = a[1], a[0]
	}
	kb := b[0]
	if g.transB {
		kb, g.n = b[1], b[0]
	}
	if kb != g.k {
		return nil, nil, c.shapeError("inputs have shapes %v and %v: inner dimensions %d and %d differ", a, b, g.k, kb)
	}
	return g, []Spec{{c.in[0].Type, []int{g.m, g.n}}}, nil
}

// Forward computes Y.
func (g *gemm) Forward(x *Context, in, out []*Tensor) error {
	kernel.Gemm(x.Workers, g.transA, g.transB, g.m, g.n, g.k, g.alpha, in[0].F, in[0].Shape[1], in[1].F, in[1].Shape[1], 0, out[0].F, g.n)
	return nil
}

// scaleShift is y = s*x + t with s and t along axis 1: BatchNormalization at
// inference whose statistics are already folded into s and t.
func buildScaleShift(c *call) (Operator, []Spec, error) {
	return nil, nil, c.unsupported("not here yet")
}
