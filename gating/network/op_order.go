package network

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// orderOps depend on the order of elements along an axis.
var orderOps = family{
	{"", "TopK", 1, gradFull, buildTopK},
	{"", "ArgMax", 1, gradZero, buildArgMax},
	{"", "ArgMin", 1, gradZero, buildArgMin},
	{"", "CumSum", 11, gradFull, buildCumSum},
	{"", "Trilu", 14, gradFull, buildTrilu},
	{"com.microsoft", "Trilu", 1, gradFull, buildTrilu},
	{"", "ReverseSequence", 10, gradFull, buildReverseSequence},
}

// lanes is a tensor seen along one axis: outer times inner lanes of n elements, inner elements apart.
type lanes struct{ outer, n, inner int }

func lanesOf(shape []int, axis int) lanes {
	return lanes{sizeOf(shape[:axis]), shape[axis], sizeOf(shape[axis+1:])}
}

// each calls do with every lane's number and the offset of its first element, shared among workers. Lanes without
// elements are left out.
func (l lanes) each(x *Context, do func(lane, at int)) {
	if l.n == 0 {
		return
	}
	x.Workers.For(l.outer*l.inner, max(1, elementGrain/16/max(1, l.n)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			do(i, i/l.inner*l.n*l.inner+i%l.inner)
		}
	})
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
		pick(x, op, in[0].I, compareInts)
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
		op.each(x, func(lane, at int) { y[lane] = extremeOf(op, in[0].I[at:], compareInts) })
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

// cumSum adds up along an axis.
type cumSum struct {
	lanes
	exclusive, reverse bool
}

func buildCumSum(c *call) (Operator, []Spec, error) {
	if err := c.need(2); err != nil {
		return nil, nil, err
	}
	list, err := c.ints(1)
	if err != nil {
		return nil, nil, err
	}
	if len(list) != 1 {
		return nil, nil, c.shapeError("axis has %d elements, want 1", len(list))
	}
	axis, err := c.checkAxis(list[0], len(c.in[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	op := &cumSum{lanesOf(c.in[0].Shape, axis), c.int("exclusive", 0) != 0, c.int("reverse", 0) != 0}
	return op, []Spec{c.in[0].Spec}, nil
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

// trilu keeps the part of each matrix above (or below) a diagonal and zeroes the rest.
type trilu struct {
	rows, cols int
	k          int
	upper      bool
}

func buildTrilu(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	if len(shape) < 2 {
		return nil, nil, c.shapeError("input has shape %v, want matrices", shape)
	}
	op := &trilu{rows: shape[len(shape)-2], cols: shape[len(shape)-1], upper: c.int("upper", 1) != 0}
	if c.has(1) {
		k, err := c.ints(1)
		if err != nil {
			return nil, nil, err
		}
		if len(k) != 1 {
			return nil, nil, c.shapeError("k has %d elements, want 1", len(k))
		}
		op.k = int(min(max(k[0], int64(-op.rows-1)), int64(op.cols+1)))
	}
	return op, []Spec{c.in[0].Spec}, nil
}

// Forward copies the part that stays.
func (op *trilu) Forward(_ *Context, in, out []*Tensor) error {
	if out[0].Spec().IsFloat() {
		keepTriangle(op, out[0].F, in[0].F)
	} else {
		keepTriangle(op, out[0].I, in[0].I)
	}
	return nil
}

// Backward copies the same part of dy.
func (op *trilu) Backward(_ *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	keepTriangle(op, dx.F, dy.F)
	return nil
}

func keepTriangle[T any](op *trilu, y, x []T) {
	for at, row := 0, 0; at < len(y); at, row = at+op.cols, row+1 {
		split := row%op.rows + op.k // the upper part begins here
		if !op.upper {
			split++ // the lower part ends here
		}
		split = min(max(split, 0), op.cols)
		head, tail := y[at:at+split], y[at+split:at+op.cols]
		if op.upper {
			clear(head)
			copy(tail, x[at+split:])
		} else {
			copy(head, x[at:])
			clear(tail)
		}
	}
}

// reversal locates the runs of a tensor [a, b, ...] whose first lengths[i]
// elements along the time axis, 0 or 1, are reversed for entry i of the other.
type reversal struct {
	a, b, run int
	timeFirst bool
}

func buildReverseSequence(c *call) (Operator, []Spec, error) {
	if err := c.checkIndices(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	batch, time := c.int("batch_axis", 1), c.int("time_axis", 0)
	if len(shape) < 2 || batch+time != 1 || batch*time != 0 {
		return nil, nil, c.shapeError("input has shape %v, batch axis is %d and time axis %d, want them to be the first two axes", shape, batch, time)
	}
	if !slices.Equal(c.in[1].Shape, shape[batch:batch+1]) {
		return nil, nil, c.shapeError("sequence lengths have shape %v, want %v", c.in[1].Shape, shape[batch:batch+1])
	}
	l := reversal{shape[0], shape[1], sizeOf(shape[2:]), time == 0}
	return gather{c.newRuns(l, l.run, l.a*l.b)}, []Spec{c.in[0].Spec}, nil
}

func (l reversal) locate(lengths []int64, at []int) error {
	most := l.b
	if l.timeFirst {
		most = l.a
	}
	for k, n := range lengths {
		if n < 0 || n > int64(most) {
			return fmt.Errorf("sequence %d has length %d, want 0 to %d", k, n, most)
		}
	}
	for i := range at {
		a, b := i/l.b, i%l.b
		if l.timeFirst {
			a = mirror(a, int(lengths[b]))
		} else {
			b = mirror(b, int(lengths[a]))
		}
		at[i] = (a*l.b + b) * l.run
	}
	return nil
}

// mirror reverses the first n indices.
func mirror(i, n int) int {
	if i < n {
		return n - 1 - i
	}
	return i
}
