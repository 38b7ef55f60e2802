package network

// cumSumOps add up or multiply along an axis.
var cumSumOps = family{
	full("CumSum", 11, buildCumSum),
	full("CumProd", 26, buildCumProd),
}

// cumSum adds up along an axis.
type cumSum struct {
	lanes
	exclusive, reverse bool
}

// buildCumSum follows CumSum of opset 11.
func buildCumSum(c *call) (Operator, []Spec, error) {
	op, err := c.running()
	return op, c.firstSpec(), err
}

// running reads the axis and the attributes exclusive and reverse.
func (c *call) running() (*cumSum, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	list, err := c.ints(1)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, c.shapeError("axis has %d elements, want 1", len(list))
	}
	axis, err := c.checkAxis(list[0], len(c.in[0].Shape))
	if err != nil {
		return nil, err
	}
	return &cumSum{lanesOf(c.in[0].Shape, axis), c.int("exclusive", 0) != 0, c.int("reverse", 0) != 0}, nil
}

// firstSpec is the spec of input 0 alone, where it is there.
func (c *call) firstSpec() []Spec {
	if !c.has(0) {
		return nil
	}
	return []Spec{c.in[0].Spec}
}

// Forward adds up every lane, floats in double precision.
func (op *cumSum) Forward(x *Context, in, out []*Tensor) error {
	if t := out[0]; t.Spec().IsFloat() {
		op.each(x, func(_, at int) { runningSum[float32, float64](op, t.F[at:], in[0].F[at:], op.reverse) })
	} else {
		op.each(x, func(_, at int) { runningSum[int64, int64](op, t.I[at:], in[0].I[at:], op.reverse) })
		for i, v := range t.I {
			t.I[i] = wrapInt(t.Type, v)
		}
	}
	return nil
}

// Backward adds up dy from the other end.
func (op *cumSum) Backward(x *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	op.each(x, func(_, at int) { runningSum[float32, float64](op, dx.F[at:], dy.F[at:], !op.reverse) })
	return nil
}

func runningSum[T, S float32 | float64 | int64](op *cumSum, y, x []T, reverse bool) {
	var sum S
	for k := range op.n {
		i := k * op.inner
		if reverse {
			i = (op.n - 1 - k) * op.inner
		}
		if op.exclusive {
			y[i] = T(sum)
			sum += S(x[i])
		} else {
			sum += S(x[i])
			y[i] = T(sum)
		}
	}
}
