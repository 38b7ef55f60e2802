package linear

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// matrixOps are products of two matrices.
var matrixOps = op.Family{
	op.WithGradient("Gemm", 1, BuildGemm),
}

// gemm is Y = alpha*op(A)*op(B) + beta*C with C broadcast to [m, n]. Opsets 1
// to 13 differ in how they announce the broadcast only, and opset 11 makes C optional.
type gemm struct {
	m, n, k        int
	transA, transB bool
	alpha, beta    float32
	rows, cols     int // shape of C as a matrix, each the full size or 1
	sum            *kernel.Reduction
}

// BuildGemm follows Gemm of opsets 1 to 13: alpha op(A) op(B) + beta C.
func BuildGemm(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	a, b := c.In[0].Shape, c.In[1].Shape
	if len(a) != 2 || len(b) != 2 {
		return nil, nil, c.ShapeError("inputs have shapes %v and %v, want two matrices", a, b)
	}
	g := &gemm{transA: c.Int("transA", 0) != 0, transB: c.Int("transB", 0) != 0,
		alpha: c.Float("alpha", 1), beta: c.Float("beta", 1)}
	kb := 0
	g.m, g.k = swapIf(g.transA, a[0], a[1])
	kb, g.n = swapIf(g.transB, b[0], b[1])
	if kb != g.k {
		return nil, nil, c.ShapeError("inputs have shapes %v and %v: inner dimensions %d and %d differ", a, b, g.k, kb)
	}
	if c.Has(2) {
		if err := g.broadcast(c); err != nil {
			return nil, nil, err
		}
	}
	return g, []op.Spec{{Type: c.In[0].Type, Shape: []int{g.m, g.n}}}, nil
}

// swapIf returns a and b, in the other order if swap is set.
func swapIf(swap bool, a, b int) (int, int) {
	if swap {
		return b, a
	}
	return a, b
}

// broadcast reads the shape of C, which must stretch to [m, n].
func (g *gemm) broadcast(c *op.Call) error {
	shape := c.In[2].Shape
	if len(shape) > 2 {
		return c.ShapeError("input 2 has shape %v, want one that broadcasts to [%d %d]", shape, g.m, g.n)
	}
	full := append([]int{1, 1}[:2-len(shape)], shape...)
	g.rows, g.cols = full[0], full[1]
	if g.rows != g.m && g.rows != 1 || g.cols != g.n && g.cols != 1 {
		return c.ShapeError("input 2 has shape %v, want one that broadcasts to [%d %d]", shape, g.m, g.n)
	}
	var axes []int
	if g.rows != g.m {
		axes = append(axes, 0)
	}
	if g.cols != g.n {
		axes = append(axes, 1)
	}
	g.sum = kernel.NewReduction([]int{g.m, g.n}, axes)
	return nil
}

// Forward computes Y.
func (g *gemm) Forward(x *op.Context, in, out []*op.Tensor) error {
	a, b := g.operands(in)
	y, beta := out[0].F, float32(0)
	if g.sum != nil && g.beta != 0 {
		g.spread(x, in[2].F, y)
		beta = g.beta
	}
	kernel.Gemm(x.Workers, kernel.NewMatrix(y, g.m, g.n, g.n), a, b, g.alpha, beta)
	return nil
}

// operands returns A [m, k] and B [k, n].
func (g *gemm) operands(in []*op.Tensor) (a, b kernel.Matrix) {
	return asMatrix(in[0]).TransposedIf(g.transA), asMatrix(in[1]).TransposedIf(g.transB)
}

// asMatrix is a tensor of two axes.
func asMatrix(t *op.Tensor) kernel.Matrix {
	return kernel.NewMatrix(t.F, t.Shape[0], t.Shape[1], t.Shape[1])
}

// spread writes C, stretched to [m, n], to y.
func (g *gemm) spread(x *op.Context, c, y []float32) {
	x.Workers.For(g.m, op.RowGrain(g.n), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := y[i*g.n : (i+1)*g.n]
			from := c
			if g.rows > 1 {
				from = c[i*g.cols : (i+1)*g.cols]
			}
			if g.cols == g.n {
				copy(row, from)
				continue
			}
			for j := range row {
				row[j] = from[0]
			}
		}
	})
}

// Backward computes the gradient of A, B or C.
func (g *gemm) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	a, b := g.operands(in)
	slope := kernel.NewMatrix(dy.F, g.m, g.n, g.n)
	switch {
	case i == 0 && g.transA:
		kernel.Gemm(x.Workers, kernel.NewMatrix(dx.F, g.k, g.m, g.m), b, slope.T(), g.alpha, 0)
	case i == 0:
		kernel.Gemm(x.Workers, kernel.NewMatrix(dx.F, g.m, g.k, g.k), slope, b.T(), g.alpha, 0)
	case i == 1 && g.transB:
		kernel.Gemm(x.Workers, kernel.NewMatrix(dx.F, g.n, g.k, g.k), slope.T(), a, g.alpha, 0)
	case i == 1:
		kernel.Gemm(x.Workers, kernel.NewMatrix(dx.F, g.k, g.n, g.n), a.T(), slope, g.alpha, 0)
	default:
		g.sum.Fold(x.Workers, dx.F, dy.F, kernel.FoldSum,
			func(_ int, sum float64) float32 { return float32(float64(g.beta) * sum) })
	}
	return nil
}

// GradientReads says what Backward reads.
func (*gemm) GradientReads(i, _ int) op.Reads { return op.OtherOperand(i) }
