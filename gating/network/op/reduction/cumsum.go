package reduction

import (
	"github.com/softmerge/softmerge/gating/network/op"
)

// cumSumOps add up or multiply along an axis.
var cumSumOps = op.Family{
	op.WithGradient("CumSum", 11, buildCumSum),
	op.WithGradient("CumProd", 26, buildCumProd),
}

// cumSum adds up along an axis.
type cumSum struct {
	op.Lanes
	exclusive, reverse bool
}

// buildCumSum follows CumSum of opset 11.
func buildCumSum(c *op.Call) (op.Operator, []op.Spec, error) {
	op, err := running(c)
	return op, firstSpec(c), err
}

// running reads the axis and the attributes exclusive and reverse.
func running(c *op.Call) (*cumSum, error) {
	if err := c.Need(2); err != nil {
		return nil, err
	}
	list, err := c.Ints(1)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, c.ShapeError("axis has %d elements, want 1", len(list))
	}
	axis, err := c.CheckAxis(list[0], len(c.In[0].Shape))
	if err != nil {
		return nil, err
	}
	return &cumSum{op.LanesOf(c.In[0].Shape, axis), c.Int("exclusive", 0) != 0, c.Int("reverse", 0) != 0}, nil
}

// firstSpec is the spec of input 0 alone, where it is there.
func firstSpec(c *op.Call) []op.Spec {
	if !c.Has(0) {
		return nil
	}
	return []op.Spec{c.In[0].Spec}
}

// Forward adds up every lane, floats in double precision.
func (o *cumSum) Forward(x *op.Context, in, out []*op.Tensor) error {
	if t := out[0]; t.Spec().IsFloat() {
		o.Each(x, func(_, at int) { runningSum[float32, float64](o, t.F[at:], in[0].F[at:], o.reverse) })
	} else {
		o.Each(x, func(_, at int) { runningSum[int64, int64](o, t.I[at:], in[0].I[at:], o.reverse) })
		for i, v := range t.I {
			t.I[i] = op.WrapInt(t.Type, v)
		}
	}
	return nil
}

// Backward adds up dy from the other end.
func (op *cumSum) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	op.Each(x, func(_, at int) { runningSum[float32, float64](op, dx.F[at:], dy.F[at:], !op.reverse) })
	return nil
}

func runningSum[T, S float32 | float64 | int64](op *cumSum, y, x []T, reverse bool) {
	var sum S
	for k := range op.N {
		i := k * op.Inner
		if reverse {
			i = (op.N - 1 - k) * op.Inner
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
