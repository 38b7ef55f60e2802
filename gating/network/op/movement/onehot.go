package movement

import (
	"cmp"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// oneHotOps have outputs whose size depends on the elements of an input, which must therefore be known, and OneHot.
var oneHotOps = op.Family{
	op.WithZeroGradient("NonZero", 9, buildNonZero),
	op.WithGradient("Compress", 9, buildCompress),
	op.WithZeroGradient("Unique", 11, buildUnique),
	op.WithZeroGradient("OneHot", 9, buildOneHot),
}

// nonzero says which elements of t are not zero.
func nonzero(t *op.Tensor) []bool {
	list := make([]bool, t.Len())
	for i, v := range t.F {
		list[i] = v != 0
	}
	for i, v := range t.I {
		list[i] = v != 0
	}
	return list
}

// buildNonZero lists the indices of the elements that are not zero, one row an axis.
func buildNonZero(c *op.Call) (op.Operator, []op.Spec, error) {
	t, err := c.Known(0)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]int64
	place := make([]int, len(t.Shape))
	for _, is := range nonzero(t) {
		if is {
			row := make([]int64, len(place))
			for d, p := range place {
				row[d] = int64(p)
			}
			rows = append(rows, row)
		}
		op.Advance(place, t.Shape)
	}
	out := op.NewTensor(op.Spec{Type: onnx.Int64, Shape: []int{len(t.Shape), len(rows)}})
	for k, row := range rows {
		for d, p := range row {
			out.I[d*len(rows)+k] = p
		}
	}
	return c.AsConstant(out)
}

// buildCompress keeps the slices along an axis, or the elements of the flat input, for which a condition holds.
func buildCompress(c *op.Call) (op.Operator, []op.Spec, error) {
	condition, err := c.Known(1)
	if err != nil {
		return nil, nil, err
	}
	shape, axis := c.In[0].Shape, 0
	if c.Attr("axis") == nil {
		shape = []int{c.In[0].Len()}
	} else if axis, err = c.Axis("axis", 0, len(shape)); err != nil {
		return nil, nil, err
	}
	if len(condition.Shape) != 1 || condition.Len() > shape[axis] {
		return nil, nil,
			c.ShapeError("the condition has shape %v, want at most %d elements", condition.Shape, shape[axis])
	}
	list := []int{}
	for i, is := range nonzero(condition) {
		if is {
			list = append(list, i)
		}
	}
	maps := make([][]int, len(shape))
	maps[axis] = list
	return NewRemapOf(c, shape, maps, -1, 0)
}

// buildUnique returns the distinct slices along an axis, or distinct elements of the flat input, where each first
// stands, which each input slice is, and how often each occurs.
func buildUnique(c *op.Call) (op.Operator, []op.Spec, error) {
	t, err := c.Known(0)
	if err != nil {
		return nil, nil, err
	}
	shape, axis := t.Shape, 0
	if c.Attr("axis") == nil {
		shape = []int{t.Len()}
	} else if axis, err = c.Axis("axis", 0, len(shape)); err != nil {
		return nil, nil, err
	}
	groups := groupSlices(t, op.LanesOf(shape, axis), c.Int("sorted", 1) != 0)
	first, counts := make([]int64, len(groups)), make([]int64, len(groups))
	inverse := make([]int64, shape[axis])
	maps := make([][]int, len(shape))
	maps[axis] = make([]int, len(groups))
	for k, g := range groups {
		maps[axis][k] = g[0]
		first[k], counts[k] = int64(g[0]), int64(len(g))
		for _, i := range g {
			inverse[i] = int64(k)
		}
	}
	operator, specs, err := NewRemapOf(c, shape, maps, -1, 0)
	if err != nil {
		return nil, nil, err
	}
	y := op.NewTensor(specs[0])
	if err := operator.Forward(&op.Context{}, []*op.Tensor{t}, []*op.Tensor{y}); err != nil {
		return nil, nil, err
	}
	vector := func(v []int64) *op.Tensor { return &op.Tensor{Type: onnx.Int64, Shape: []int{len(v)}, I: v} }
	return c.AsConstant(y, vector(first), vector(inverse), vector(counts))
}

// groupSlices groups equal slices of t along the axis of its lanes, each group in order; groups are in the order of
// their elements if sorted, else of their first slices.
func groupSlices(t *op.Tensor, l op.Lanes, sorted bool) [][]int {
	ints := op.Comparable64(t)
	compare := func(a, b int) int {
		for o := range l.Outer {
			for i := range l.Inner {
				x, y := (o*l.N+a)*l.Inner+i, (o*l.N+b)*l.Inner+i
				var order int
				if t.F != nil {
					order = cmp.Compare(t.F[x], t.F[y])
				} else {
					order = cmp.Compare(ints[x], ints[y])
				}
				if order != 0 {
					return order
				}
			}
		}
		return 0
	}
	all := make([]int, l.N)
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, compare)
	var groups [][]int
	for k, i := range all {
		if k > 0 && compare(all[k-1], i) == 0 {
			groups[len(groups)-1] = append(groups[len(groups)-1], i)
		} else {
			groups = append(groups, []int{i})
		}
	}
	if !sorted {
		slices.SortFunc(groups, func(a, b []int) int { return a[0] - b[0] })
	}
	return groups
}

// oneHot writes the value on (values[1]) where an index says along a new axis, and off (values[0]) elsewhere.
type oneHot struct{ op.Lanes }

// buildOneHot follows OneHot of opset 9 and 11 (negative indices). An index out of range gives no element on.
func buildOneHot(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	depth, err := c.Known(1)
	if err != nil {
		return nil, nil, err
	}
	if depth.Len() != 1 || c.In[2].Len() != 2 {
		return nil, nil,
			c.ShapeError("depth is %s and values are %s, want one and two elements", depth.Spec(), c.In[2].Spec)
	}
	n := integerAt(depth, 0)
	index := c.In[0].Shape
	axis, err := c.Axis("axis", -1, len(index)+1)
	if err != nil {
		return nil, nil, err
	}
	if n < 0 || n > op.MaxPad {
		return nil, nil, c.ShapeError("depth is %d", n)
	}
	shape := slices.Insert(slices.Clone(index), axis, int(n))
	return &oneHot{op.LanesOf(shape, axis)}, []op.Spec{{Type: c.In[2].Type, Shape: shape}}, nil
}

// integerAt returns element i of a tensor of any type as an integer.
func integerAt(t *op.Tensor, i int) int64 {
	if t.Spec().IsFloat() {
		return int64(t.F[i])
	}
	return t.I[i]
}

// Forward fills one lane for each index.
func (op *oneHot) Forward(_ *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		fillOneHot(op, in[0], in[2].F, out[0].F)
	} else {
		fillOneHot(op, in[0], in[2].I, out[0].I)
	}
	return nil
}

func fillOneHot[T any](op *oneHot, index *op.Tensor, values, y []T) {
	for i := range y {
		y[i] = values[0]
	}
	for k := range index.Len() {
		i := integerAt(index, k)
		if i < 0 {
			i += int64(op.N)
		}
		if i >= 0 && i < int64(op.N) {
			y[(k/op.Inner*op.N+int(i))*op.Inner+k%op.Inner] = values[1]
		}
	}
}
