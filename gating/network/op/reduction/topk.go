package reduction

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// topKOps pick elements by their order along an axis.
var topKOps = op.Family{
	op.WithGradient("TopK", 1, buildTopK),
	op.WithZeroGradient("ArgMax", 1, buildArgMax),
	op.WithZeroGradient("ArgMin", 1, buildArgMin),
}

// topK is the k largest or smallest elements along an axis, in order, and where
// they were. Of equal elements the first comes first; NaN counts as largest.
type topK struct {
	op.Lanes
	k      int
	sign   int     // 1 for the smallest, -1 for the largest first
	picked []int64 // indices along the axis, in the output's layout
}

// buildTopK follows TopK of opset 1 (k as attribute), 10 (as input) and 11 (largest). The order that "sorted" leaves
// open is the same.
func buildTopK(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	axis, err := c.Axis("axis", -1, len(shape))
	if err != nil {
		return nil, nil, err
	}
	k := []int64{c.Int("k", -1)}
	if c.Attr("k") == nil {
		if k, err = c.Ints(1); err != nil {
			return nil, nil, err
		}
	}
	if len(k) != 1 || k[0] < 0 || k[0] > int64(shape[axis]) {
		return nil, nil, c.ShapeError("k is %v for an axis of length %d", k, shape[axis])
	}
	operator := &topK{Lanes: op.LanesOf(shape, axis), k: int(k[0]), sign: 1}
	if c.Int("largest", 1) != 0 {
		operator.sign = -1
	}
	to := slices.Clone(shape)
	to[axis] = operator.k
	return operator, []op.Spec{{Type: c.In[0].Type, Shape: to}, {Type: onnx.Int64, Shape: to}}, nil
}

// Forward sorts every lane.
func (r *topK) Forward(x *op.Context, in, out []*op.Tensor) error {
	if r.picked == nil {
		r.picked = make([]int64, r.Outer*r.k*r.Inner)
	}
	if in[0].Spec().IsFloat() {
		pick(x, r, in[0].F, compareFloats)
	} else {
		pick(x, r, op.Comparable64(in[0]), compareInts)
	}
	if y := out[0]; y != nil {
		r.walk(func(o, i int) {
			if y.Spec().IsFloat() {
				y.F[o] = in[0].F[i]
			} else {
				y.I[o] = in[0].I[i]
			}
		})
	}
	if out[1] != nil {
		copy(out[1].I, r.picked)
	}
	return nil
}

// walk calls do with the offset of every output element and that of the input element that it is.
func (op *topK) walk(do func(o, i int)) {
	for o, p := range op.picked {
		outer, inner := o/op.Inner/op.k, o%op.Inner
		do(o, (outer*op.N+int(p))*op.Inner+inner)
	}
}

// pick finds the first k indices of every lane in the operator's order.
func pick[T any](x *op.Context, op *topK, data []T, compare func(a, b T) int) {
	op.Each(x, func(lane, at int) {
		order := make([]int, op.N)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return op.sign * compare(data[at+a*op.Inner], data[at+b*op.Inner])
		})
		to := lane/op.Inner*op.k*op.Inner + lane%op.Inner
		for i, p := range order[:op.k] {
			op.picked[to+i*op.Inner] = int64(p)
		}
	})
}

func compareFloats(a, b float32) int {
	switch {
	case a < b || b != b && a == a:
		return -1
	case a > b || a != a && b == b:
		return 1
	}
	return 0
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Backward passes dy to the elements that were picked.
func (op *topK) Backward(_ *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	clear(dx.F)
	op.walk(func(o, i int) { dx.F[i] = dy.F[o] })
	return nil
}

// argExtreme is the index of the largest or smallest element along an axis: the
// first, or with last the last, of equal ones. The first NaN counts as extreme.
type argExtreme struct {
	op.Lanes
	sign int // 1 for the largest, -1 for the smallest
	last bool
}

func buildArgMax(c *op.Call) (op.Operator, []op.Spec, error) { return newArgExtreme(c, 1) }
func buildArgMin(c *op.Call) (op.Operator, []op.Spec, error) { return newArgExtreme(c, -1) }

// newArgExtreme follows ArgMax and ArgMin of opset 1, 11 (negative axes) and 12 (select_last_index).
func newArgExtreme(c *op.Call, sign int) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	axis, err := c.Axis("axis", 0, len(shape))
	if err != nil {
		return nil, nil, err
	}
	if shape[axis] == 0 {
		return nil, nil, c.ShapeError("axis %d of %v is empty", axis, shape)
	}
	to := slices.Clone(shape)
	to[axis] = 1
	if c.Int("keepdims", 1) == 0 {
		to = slices.Delete(to, axis, axis+1)
	}
	return &argExtreme{op.LanesOf(shape, axis), sign, c.Int("select_last_index", 0) != 0},
		[]op.Spec{{Type: onnx.Int64, Shape: to}}, nil
}

// Forward walks every lane once.
func (o *argExtreme) Forward(x *op.Context, in, out []*op.Tensor) error {
	y := out[0].I
	if in[0].Spec().IsFloat() {
		o.Each(x, func(lane, at int) { y[lane] = extremeOf(o, in[0].F[at:], compareFloats) })
	} else {
		list := op.Comparable64(in[0])
		o.Each(x, func(lane, at int) { y[lane] = extremeOf(o, list[at:], compareInts) })
	}
	return nil
}

func extremeOf[T comparable](op *argExtreme, lane []T, compare func(a, b T) int) int64 {
	best := 0
	for i := 1; i < op.N; i++ {
		v, b := lane[i*op.Inner], lane[best*op.Inner]
		if b != b {
			break
		}
		if order := op.sign * compare(v, b); order > 0 || v != v || order == 0 && op.last {
			best = i
		}
	}
	return int64(best)
}
