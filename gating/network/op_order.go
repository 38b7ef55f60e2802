package network

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// orderOps pick elements by their order along an axis.
var orderOps = family{
	full("TopK", 1, buildTopK),
	zero("ArgMax", 1, buildArgMax),
	zero("ArgMin", 1, buildArgMin),
}

// topK is the k largest or smallest elements along an axis, in order, and where
// they were. Of equal elements the first comes first; NaN counts as largest.
type topK struct {
	lanes
	k      int
	sign   int     // 1 for the smallest, -1 for the largest first
	picked []int64 // indices along the axis, in the output's layout
}

// buildTopK follows TopK of opset 1 (k as attribute), 10 (as input) and 11 (largest). The order that "sorted" leaves open is the same.
func buildTopK(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	axis, err := c.axis("axis", -1, len(shape))
	if err != nil {
		return nil, nil, err
	}
	k := []int64{c.int("k", -1)}
	if c.attr("k") == nil {
		if k, err = c.ints(1); err != nil {
			return nil, nil, err
		}
	}
	if len(k) != 1 || k[0] < 0 || k[0] > int64(shape[axis]) {
		return nil, nil, c.shapeError("k is %v for an axis of length %d", k, shape[axis])
	}
	op := &topK{lanes: lanesOf(shape, axis), k: int(k[0]), sign: 1}
	if c.int("largest", 1) != 0 {
		op.sign = -1
	}
	to := slices.Clone(shape)
	to[axis] = op.k
	return op, []Spec{{c.in[0].Type, to}, {onnx.Int64, to}}, nil
}

// Forward sorts every lane.
func (op *topK) Forward(x *Context, in, out []*Tensor) error {
	if op.picked == nil {
		op.picked = make([]int64, op.outer*op.k*op.inner)
	}
	if in[0].Spec().IsFloat() {
		pick(x, op, in[0].F, compareFloats)
	} else {
		pick(x, op, comparable64(in[0]), compareInts)
	}
	if y := out[0]; y != nil {
		op.walk(func(o, i int) {
			if y.Spec().IsFloat() {
				y.F[o] = in[0].F[i]
			} else {
				y.I[o] = in[0].I[i]
			}
		})
	}
	if out[1] != nil {
		copy(out[1].I, op.picked)
	}
	return nil
}

// walk calls do with the offset of every output element and that of the input element that it is.
func (op *topK) walk(do func(o, i int)) {
	for o, p := range op.picked {
		outer, inner := o/op.inner/op.k, o%op.inner
		do(o, (outer*op.n+int(p))*op.inner+inner)
	}
}

// pick finds the first k indices of every lane in the operator's order.
func pick[T any](x *Context, op *topK, data []T, compare func(a, b T) int) {
	op.each(x, func(lane, at int) {
		order := make([]int, op.n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return op.sign * compare(data[at+a*op.inner], data[at+b*op.inner])
		})
		to := lane/op.inner*op.k*op.inner + lane%op.inner
		for i, p := range order[:op.k] {
			op.picked[to+i*op.inner] = int64(p)
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
func (op *topK) Backward(_ *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	clear(dx.F)
	op.walk(func(o, i int) { dx.F[i] = dy.F[o] })
	return nil
}

// argExtreme is the index of the largest or smallest element along an axis: the
// first, or with last the last, of equal ones. The first NaN counts as extreme.
type argExtreme struct {
	lanes
	sign int // 1 for the largest, -1 for the smallest
	last bool
}

func buildArgMax(c *call) (Operator, []Spec, error) { return c.argExtreme(1) }
func buildArgMin(c *call) (Operator, []Spec, error) { return c.argExtreme(-1) }

// argExtreme follows ArgMax and ArgMin of opset 1, 11 (negative axes) and 12 (select_last_index).
func (c *call) argExtreme(sign int) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	axis, err := c.axis("axis", 0, len(shape))
	if err != nil {
		return nil, nil, err
	}
	if shape[axis] == 0 {
		return nil, nil, c.shapeError("axis %d of %v is empty", axis, shape)
	}
	to := slices.Clone(shape)
	to[axis] = 1
	if c.int("keepdims", 1) == 0 {
		to = slices.Delete(to, axis, axis+1)
	}
	return &argExtreme{lanesOf(shape, axis), sign, c.int("select_last_index", 0) != 0}, []Spec{{onnx.Int64, to}}, nil
}

// Forward walks every lane once.
func (op *argExtreme) Forward(x *Context, in, out []*Tensor) error {
	y := out[0].I
	if in[0].Spec().IsFloat() {
		op.each(x, func(lane, at int) { y[lane] = extremeOf(op, in[0].F[at:], compareFloats) })
	} else {
		list := comparable64(in[0])
		op.each(x, func(lane, at int) { y[lane] = extremeOf(op, list[at:], compareInts) })
	}
	return nil
}

func extremeOf[T comparable](op *argExtreme, lane []T, compare func(a, b T) int) int64 {
	best := 0
	for i := 1; i < op.n; i++ {
		v, b := lane[i*op.inner], lane[best*op.inner]
		if b != b {
			break
		}
		if order := op.sign * compare(v, b); order > 0 || v != v || order == 0 && op.last {
			best = i
		}
	}
	return int64(best)
}
