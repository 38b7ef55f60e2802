package network

// cumProd multiplies along an axis.
type cumProd struct{ *cumSum }

// buildCumProd follows CumProd of opset 26.
func buildCumProd(c *call) (Operator, []Spec, error) {
	op, err := c.running()
	return cumProd{op}, c.firstSpec(), err
}

// Forward multiplies up every lane, floats in double precision.
func (op cumProd) Forward(x *Context, in, out []*Tensor) error {
	if t := out[0]; t.Spec().IsFloat() {
		op.each(x, func(_, at int) { runningProduct[float32, float64](op.cumSum, t.F[at:], in[0].F[at:]) })
	} else {
		op.each(x, func(_, at int) { runningProduct[int64, int64](op.cumSum, t.I[at:], in[0].I[at:]) })
		for i, v := range t.I {
			t.I[i] = wrapInt(t.Type, v)
		}
	}
	return nil
}

func runningProduct[T, S float32 | float64 | int64](op *cumSum, y, x []T) {
	product := S(1)
	for k := range op.n {
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
		k = op.n - 1 - k
	}
	return k * op.inner
}

// Backward is the product of what comes before an element times r, where r is dy there plus the next element
// times the next r: no division, so zeros among the elements do no harm.
func (op cumProd) Backward(x *Context, _, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	op.each(x, func(_, at int) {
		from, dy, dx := in[0].F[at:], dy.F[at:], dx.F[at:]
		rest := make([]float64, op.n+1)
		for k := op.n - 1; k >= 0; k-- {
			var g, next float64
			if k+1 < op.n {
				next = float64(from[op.place(k+1)])
				g = float64(dy[op.place(k+1)])
			}
			if !op.exclusive {
				g = float64(dy[op.place(k)])
			}
			rest[k] = g + next*rest[k+1]
		}
		before := 1.0
		for k := range op.n {
			dx[op.place(k)] = float32(before * rest[k])
			before *= float64(from[op.place(k)])
		}
	})
	return nil
}
