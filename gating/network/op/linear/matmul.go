package linear

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// matmulOps are products of stacks of matrices.
var matmulOps = op.Family{
	op.WithGradient("MatMul", 1, buildMatMul),
	op.WithGradient("com.microsoft.FusedMatMul", 1, buildFusedMatMul),
	op.WithGradient("com.microsoft.TransposeMatMul", 1, buildFusedMatMul),
}

// matmul is Y = alpha*op(A)*op(B) over stacks of matrices whose batch axes
// broadcast, as numpy's matmul. A vector is a matrix of one row (A) or column (B).
type matmul struct {
	m, n, k        int
	transA, transB bool
	alpha          float32
	batch          []int // broadcast batch axes
	stepA, stepB   []int // which matrix of A and B moves along each batch axis, 0 where it is repeated
}

func buildMatMul(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	m := &matmul{alpha: 1}
	shape, err := m.shape(c)
	if err != nil {
		return nil, nil, err
	}
	spec := []op.Spec{{Type: c.In[0].Type, Shape: shape}}
	if !c.In[0].IsFloat() || !c.In[1].IsFloat() {
		if c.In[0].IsFloat() || c.In[1].IsFloat() {
			return nil, nil, c.ShapeError("inputs are %s and %s, want one type", c.In[0].Spec, c.In[1].Spec)
		}
		return &intMatmul{m, c.In[0].Type, c.In[0].Type}, spec, nil
	}
	return m, spec, nil
}

// shape sets the geometry from the inputs' shapes and returns the output's.
func (p *matmul) shape(c *op.Call) ([]int, error) {
	a, b := c.In[0].Shape, c.In[1].Shape
	if len(a) == 0 || len(b) == 0 {
		return nil, c.ShapeError("inputs have shapes %v and %v, want no scalars", a, b)
	}
	rowA, colB := len(a) == 1, len(b) == 1
	if rowA {
		a = []int{1, a[0]}
		p.transA = false
	}
	if colB {
		b = []int{b[0], 1}
		p.transB = false
	}
	kb := 0
	p.m, p.k = swapIf(p.transA, a[len(a)-2], a[len(a)-1])
	kb, p.n = swapIf(p.transB, b[len(b)-2], b[len(b)-1])
	if kb != p.k {
		return nil, c.ShapeError("inputs have shapes %v and %v: inner dimensions %d and %d differ",
			c.In[0].Shape, c.In[1].Shape, p.k, kb)
	}
	if !p.broadcast(a[:len(a)-2], b[:len(b)-2]) {
		return nil,
			c.ShapeError("inputs have shapes %v and %v: batch axes do not broadcast", c.In[0].Shape, c.In[1].Shape)
	}
	out := slices.Clone(p.batch)
	if !rowA {
		out = append(out, p.m)
	}
	if !colB {
		out = append(out, p.n)
	}
	p.merge()
	return out, nil
}

// broadcast sets the batch axes and how A and B move along them; false if they do not fit.
func (p *matmul) broadcast(a, b []int) bool {
	rank := max(len(a), len(b))
	p.batch, p.stepA, p.stepB = make([]int, rank), make([]int, rank), make([]int, rank)
	stepA, stepB := 1, 1
	for i := 1; i <= rank; i++ {
		da, db := 1, 1
		if i <= len(a) {
			da = a[len(a)-i]
		}
		if i <= len(b) {
			db = b[len(b)-i]
		}
		if da != db && da != 1 && db != 1 {
			return false
		}
		at := rank - i
		p.batch[at] = da
		if da == 1 {
			p.batch[at] = db
		}
		if da != 1 {
			p.stepA[at] = stepA
		}
		if db != 1 {
			p.stepB[at] = stepB
		}
		stepA, stepB = stepA*da, stepB*db
	}
	return true
}

// merge joins batch axes along which both operands move on regularly, or one
// stays, and lets a matrix B that serves the whole batch see A as one tall matrix.
func (p *matmul) merge() {
	var batch, stepA, stepB []int
	for i, d := range p.batch {
		if d == 1 {
			continue
		}
		last := len(batch) - 1
		if last >= 0 && stepA[last] == p.stepA[i]*d && stepB[last] == p.stepB[i]*d {
			batch[last], stepA[last], stepB[last] = batch[last]*d, p.stepA[i], p.stepB[i]
			continue
		}
		batch, stepA, stepB = append(batch, d), append(stepA, p.stepA[i]), append(stepB, p.stepB[i])
	}
	if len(batch) == 1 && stepA[0] == 1 && stepB[0] == 0 && !p.transA {
		p.m *= batch[0]
		batch, stepA, stepB = nil, nil, nil
	}
	p.batch, p.stepA, p.stepB = batch, stepA, stepB
}

// run is a stretch of the batch along which both operands move regularly: its
// innermost axis. Offsets count matrices.
func (p *matmul) runs(visit func(n, fromA, stepA, fromB, stepB, out int)) {
	last := len(p.batch) - 1
	if last < 0 {
		visit(1, 0, 0, 0, 0, 0)
		return
	}
	n := p.batch[last]
	for i := range op.SizeOf(p.batch[:last]) {
		a, b, rest := 0, 0, i
		for axis := last - 1; axis >= 0; axis-- {
			at := rest % p.batch[axis]
			rest /= p.batch[axis]
			a, b = a+at*p.stepA[axis], b+at*p.stepB[axis]
		}
		visit(n, a, p.stepA[last], b, p.stepB[last], i*n)
	}
}

// matricesA returns matrices of A [m, k] from number from on, step apart.
func (p *matmul) matricesA(data []float32, from, step int) kernel.Batch {
	rows, cols := swapIf(p.transA, p.m, p.k)
	return kernel.Batch{Matrix: kernel.NewMatrix(data[from*p.m*p.k:], rows, cols,
		cols).TransposedIf(p.transA), Step: step * p.m * p.k}
}

// matricesB returns matrices of B [k, n].
func (p *matmul) matricesB(data []float32, from, step int) kernel.Batch {
	rows, cols := swapIf(p.transB, p.k, p.n)
	return kernel.Batch{Matrix: kernel.NewMatrix(data[from*p.k*p.n:], rows, cols,
		cols).TransposedIf(p.transB), Step: step * p.k * p.n}
}

// matricesY returns consecutive matrices of Y [m, n].
func (p *matmul) matricesY(data []float32, from int) kernel.Batch {
	return kernel.Batch{Matrix: kernel.NewMatrix(data[from*p.m*p.n:], p.m, p.n, p.n), Step: p.m * p.n}
}

// transposed returns the transposes of matrices.
func transposed(b kernel.Batch) kernel.Batch { return kernel.Batch{Matrix: b.T(), Step: b.Step} }

// Forward computes Y.
func (p *matmul) Forward(x *op.Context, in, out []*op.Tensor) error {
	a, b, y := in[0].F, in[1].F, out[0].F
	if len(y) == 0 {
		return nil
	}
	p.runs(func(n, fromA, stepA, fromB, stepB, to int) {
		kernel.BatchGemm(x.Workers, p.matricesY(y, to), p.matricesA(a, fromA, stepA),
			p.matricesB(b, fromB, stepB), n, p.alpha, 0)
	})
	return nil
}

// Backward computes the gradient of A or B; a matrix that serves several products gets the sum.
func (p *matmul) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if len(dy.F) == 0 || len(dx.F) == 0 {
		clear(dx.F)
		return nil
	}
	written := make([]bool, len(dx.F)/max(1, p.sizeOf(i)))
	p.runs(func(n, fromA, stepA, fromB, stepB, to int) {
		from, step := fromA, stepA
		if i == 1 {
			from, step = fromB, stepB
		}
		if step > 0 && !written[from] {
			p.gradient(x, i, n, in, dy.F, dx.F, fromA, stepA, fromB, stepB, to, 0)
		} else {
			for z := range n {
				beta := float32(0)
				if written[from+z*step] {
					beta = 1
				}
				p.gradient(x, i, 1, in, dy.F, dx.F, fromA+z*stepA, 0, fromB+z*stepB, 0, to+z, beta)
				written[from+z*step] = true
			}
		}
		for z := range n {
			written[from+z*step] = true
		}
	})
	return nil
}

// sizeOf is the number of elements of a matrix of A or B.
func (p *matmul) sizeOf(i int) int {
	if i == 0 {
		return p.m * p.k
	}
	return p.k * p.n
}

// gradient computes n products of dY and the other operand, added to beta times what dx holds.
func (p *matmul) gradient(x *op.Context, i, n int, in []*op.Tensor, dy, dx []float32, fromA, stepA,
	fromB, stepB, to int, beta float32) {
	slope := p.matricesY(dy, to)
	if i == 0 {
		b, da := p.matricesB(in[1].F, fromB, stepB), p.matricesA(dx, fromA, stepA)
		if p.transA { // the destination as stored is (dY·B')' = B·dY'
			kernel.BatchGemm(x.Workers, transposed(da), b, transposed(slope), n, p.alpha, beta)
		} else {
			kernel.BatchGemm(x.Workers, da, slope, transposed(b), n, p.alpha, beta)
		}
		return
	}
	a, db := p.matricesA(in[0].F, fromA, stepA), p.matricesB(dx, fromB, stepB)
	if p.transB {
		kernel.BatchGemm(x.Workers, transposed(db), transposed(slope), a, n, p.alpha, beta)
	} else {
		kernel.BatchGemm(x.Workers, db, transposed(a), slope, n, p.alpha, beta)
	}
}

// GradientReads says what Backward reads.
func (*matmul) GradientReads(i, _ int) op.Reads { return op.OtherOperand(i) }

// buildFusedMatMul is alpha times a MatMul of operands whose last two axes may be transposed.
func buildFusedMatMul(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	m := &matmul{alpha: c.Float("alpha", 1), transA: c.Int("transA", 0) != 0, transB: c.Int("transB", 0) != 0}
	shape, err := m.shape(c)
	return m, []op.Spec{{Type: c.In[0].Type, Shape: shape}}, err
}
