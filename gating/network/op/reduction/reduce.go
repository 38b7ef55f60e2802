package reduction

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// reduceOps fold axes into one element each. The axes are an attribute until
// opset 17 (ReduceSum: 12) and input 1 from then on. With noop_with_empty_axes and
// no axes every element is folded by itself, as ONNX Runtime has it: ReduceL1 is |x| then.
var reduceOps = op.Family{
	op.WithGradient("ReduceSum", 1, reduceSum.build),
	op.WithGradient("ReduceMean", 1, reduceMean.build),
	op.WithGradient("ReduceL1", 1, reduceL1.build),
	op.WithGradient("ReduceL2", 1, reduceL2.build),
	op.WithGradient("ReduceSumSquare", 1, reduceSumSquare.build),
	op.WithGradient("ReduceLogSum", 1, reduceLogSum.build),
	op.WithGradient("ReduceLogSumExp", 1, reduceLogSumExp.build),
	op.WithGradient("ReduceMax", 1, reduceMax.build),
	op.WithGradient("ReduceMin", 1, reduceMin.build),
	op.WithGradient("ReduceProd", 1, reduceProd.build),
}

// reduceKind is one of the reductions: y = finish(fold of x, number of elements).
type reduceKind struct {
	fold   kernel.Fold
	finish func(acc, n float64) float64
	// grad is dx from x, y and dy; nil where it needs more or less.
	grad func(x, y, dy float32) float32
}

var (
	reduceSum  = &reduceKind{kernel.FoldSum, same, nil}
	reduceMean = &reduceKind{kernel.FoldSum, func(acc, n float64) float64 { return acc / n }, nil}
	reduceL1   = &reduceKind{kernel.FoldAbs, same, func(x, _, dy float32) float32 { return op.Sign(x) * dy }}
	reduceL2   = &reduceKind{kernel.FoldSquares, func(acc, _ float64) float64 { return math.Sqrt(acc) },
		func(x, y, dy float32) float32 { return ratio(x, y) * dy }}
	reduceSumSquare = &reduceKind{kernel.FoldSquares, same, func(x, _, dy float32) float32 { return 2 * x * dy }}
	reduceLogSum    = &reduceKind{kernel.FoldSum, func(acc, _ float64) float64 { return math.Log(acc) },
		func(_, y, dy float32) float32 { return dy / float32(math.Exp(float64(y))) }}
	reduceLogSumExp = &reduceKind{kernel.FoldSum, func(acc, _ float64) float64 { return math.Log(acc) },
		func(x, y, dy float32) float32 { return dy * float32(math.Exp(float64(x-y))) }}
	reduceMax  = &reduceKind{kernel.FoldMax, same, nil}
	reduceMin  = &reduceKind{kernel.FoldMin, same, nil}
	reduceProd = &reduceKind{kernel.FoldProduct, same, nil}
)

func same(acc, _ float64) float64 { return acc }

// ratio returns a/b, and 0 for b = 0: the gradient of a norm at the origin.
func ratio(a, b float32) float32 {
	if b == 0 {
		return 0
	}
	return a / b
}

// reduce is one reduction over the axes that its geometry names.
type reduce struct {
	*reduceKind
	*kernel.Reduction
	scratch []float32 // of the input's size, for reductions that need one
}

// build is the builder of the reduction.
func (k *reduceKind) build(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	list, _, err := c.IntsAttrOrInput("axes", 1)
	if err != nil {
		return nil, nil, err
	}
	axes, err := c.CheckAxes(list, len(shape))
	if err != nil {
		return nil, nil, err
	}
	if len(axes) == 0 && c.Int("noop_with_empty_axes", 0) == 0 {
		axes = firstAxes(len(shape))
	}
	out := op.Spec{Type: c.In[0].Type, Shape: reducedShape(shape, axes, c.Int("keepdims", 1) != 0)}
	g := kernel.NewReduction(shape, axes)
	if !c.In[0].IsFloat() {
		return &intReduce{k, g, c.In[0].Type}, []op.Spec{out}, nil
	}
	return &reduce{reduceKind: k, Reduction: g}, []op.Spec{out}, nil
}

// firstAxes returns 0 to n-1.
func firstAxes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// reducedShape is the shape with the sorted axes set to 1, or left out.
func reducedShape(shape, axes []int, keep bool) []int {
	out := []int{}
	for a, d := range shape {
		switch {
		case len(axes) == 0 || axes[0] != a:
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
		if len(axes) > 0 && axes[0] == a {
			axes = axes[1:]
		}
	}
	return out
}

// Forward computes the reduction.
func (r *reduce) Forward(x *op.Context, in, out []*op.Tensor) error {
	n := float64(r.Count())
	if r.reduceKind == reduceLogSumExp {
		r.logSumExp(x, in[0].F, out[0].F)
		return nil
	}
	r.Fold(x.Workers, out[0].F, in[0].F, r.fold, func(_ int, acc float64) float32 { return float32(r.finish(acc, n)) })
	return nil
}

// logSumExp computes log sum exp(x - max) + max. A maximum that is not finite is not subtracted.
func (r *reduce) logSumExp(x *op.Context, in, out []float32) {
	top := make([]float32, len(out))
	r.Fold(x.Workers, top, in, kernel.FoldMax, func(_ int, acc float64) float32 {
		if math.IsInf(acc, 0) {
			return 0
		}
		return float32(acc)
	})
	z := op.FloatScratch(&r.scratch, len(in))
	r.each(x, func(i, o int) { z[i] = float32(math.Exp(float64(in[i] - top[o]))) })
	r.Fold(x.Workers, out, z, kernel.FoldSum,
		func(o int, acc float64) float32 { return float32(math.Log(acc) + float64(top[o])) })
}

// each calls body for every input element i and the output o that it belongs to, from several goroutines.
func (r *reduce) each(x *op.Context, body func(i, o int)) {
	r.EachRun(x.Workers, func(i, o, n int, row bool) {
		for j := range n {
			if row {
				body(i+j, o+j)
			} else {
				body(i+j, o)
			}
		}
	})
}

// Backward computes dx.
func (r *reduce) Backward(x *op.Context, _, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	switch r.reduceKind {
	case reduceMax, reduceMin:
		r.shareTies(x, in[0].F, out[0].F, dy.F, dx.F)
	case reduceProd:
		r.productGradient(x, in[0].F, dy.F, dx.F)
	case reduceSum:
		r.BackwardSum(x.Workers, dx.F, dy.F, 1)
	case reduceMean:
		r.BackwardSum(x.Workers, dx.F, dy.F, float32(1/float64(r.Count())))
	default:
		r.each(x, func(i, o int) { dx.F[i] = r.grad(in[0].F[i], out[0].F[o], dy.F[o]) })
	}
	return nil
}

// shareTies gives dy to the extreme element, in equal shares where there are several, as PyTorch's amax does.
func (r *reduce) shareTies(x *op.Context, in, out, dy, dx []float32) {
	r.each(x, func(i, o int) {
		dx[i] = 0
		if in[i] == out[o] {
			dx[i] = 1
		}
	})
	share := make([]float32, len(out))
	r.Fold(x.Workers, share, dx, kernel.FoldSum,
		func(o int, ties float64) float32 { return ratio(dy[o], float32(ties)) })
	r.each(x, func(i, o int) { dx[i] *= share[o] })
}

// productGradient is dy times the product of all other elements, without dividing by a zero.
func (r *reduce) productGradient(x *op.Context, in, dy, dx []float32) {
	zeros, product := make([]float32, len(dy)), make([]float64, len(dy))
	r.each(x, func(i, _ int) {
		dx[i] = 0
		if in[i] == 0 {
			dx[i] = 1
		}
	})
	r.Fold(x.Workers, zeros, dx, kernel.FoldSum, func(_ int, acc float64) float32 { return float32(acc) })
	r.each(x, func(i, _ int) { dx[i] += in[i] })
	r.Fold(x.Workers, make([]float32, len(dy)), dx, kernel.FoldProduct, func(o int, acc float64) float32 {
		product[o] = acc
		return 0
	})
	r.each(x, func(i, o int) {
		switch {
		case zeros[o] == 0:
			dx[i] = float32(product[o] / float64(in[i]) * float64(dy[o]))
		case zeros[o] == 1 && in[i] == 0:
			dx[i] = float32(product[o] * float64(dy[o]))
		default:
			dx[i] = 0
		}
	})
}

// GradientReads says what Backward reads.
func (r *reduce) GradientReads(_, _ int) op.Reads {
	if r.reduceKind == reduceSum || r.reduceKind == reduceMean {
		return op.Nothing
	}
	return op.Reads{In: []int{0}, Out: true}
}
