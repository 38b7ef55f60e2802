package reduction

import (
	"github.com/softmerge/softmerge/gating/network/op"
)

// cumProd multiplies along an axis.
type cumProd struct{ *cumSum }

// buildCumProd follows CumProd of opset 26.
func buildCumProd(c *op.Call) (op.Operator, []op.Spec, error) {
	op, err := running(c)
	return cumProd{op}, firstSpec(c), err
}

// Forward multiplies up every lane, floats in double precision.
func (o cumProd) Forward(x *op.Context, in, out []*op.Tensor) error {
	if t := out[0]; t.Spec().IsFloat() {
		o.Each(x, func(_, at int) { runningProduct[float32, float64](o.cumSum, t.F[at:], in[0].F[at:]) })
	} else {
		o.Each(x, func(_, at int) { runningProduct[int64, int64](o.cumSum, t.I[at:], in[0].I[at:]) })
		for i, v := range t.I {
			t.I[i] = op.WrapInt(t.Type, v)
		}
	}
	return nil
}

func runningProduct[T, S float32 | float64 | int64](op *cumSum, y, x []T) {
	product := S(1)
	for k := range op.N {
		i := op.place(k)
		if op.exclusive {
			y[i] = T(product)
			product *= S(x[i])
		} else {
			product *= S(x[i])
			y[i] = T(product)
		}
	}
}

// place is where the k-th element of a lane lies, counted from the end where the running goes backwards.
func (op *cumSum) place(k int) int {
	if op.reverse {
		k = op.N - 1 - k
	}
	return k * op.Inner
}

// Backward is the product of what comes before an element times r, where r is dy there plus the next element
// times the next r: no division, so zeros among the elements do no harm.
func (op cumProd) Backward(x *op.Context, _, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	op.Each(x, func(_, at int) {
		from, dy, dx := in[0].F[at:], dy.F[at:], dx.F[at:]
		rest := make([]float64, op.N+1)
		for k := op.N - 1; k >= 0; k-- {
			var g, next float64
			if k+1 < op.N {
				next = float64(from[op.place(k+1)])
				g = float64(dy[op.place(k+1)])
			}
			if !op.exclusive {
				g = float64(dy[op.place(k)])
			}
			rest[k] = g + next*rest[k+1]
		}
		before := 1.0
		for k := range op.N {
			dx[op.place(k)] = float32(before * rest[k])
			before *= float64(from[op.place(k)])
		}
	})
	return nil
}
