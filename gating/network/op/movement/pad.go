package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// padOps put elements around a tensor, or cut some off.
var padOps = op.Family{
	op.WithGradient("Pad", 1, buildPad),
	op.WithGradient("com.microsoft.Pad", 1, buildPad),
	op.WithGradient("CenterCropPad", 18, buildCenterCropPad),
}

// buildPad follows Pad of opset 1 (paddings) and 2 (pads and value as attributes), 11 (as inputs), 18 (axes) and 19
// (wrap). Negative pads cut elements off.
func buildPad(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	before, after, err := pads(c)
	if err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	index, err := padIndex(c)
	if err != nil {
		return nil, nil, err
	}
	target, err := paddedShape(c, before, after)
	if err != nil {
		return nil, nil, err
	}
	constant := c.Text("mode", "constant") == "constant"
	maps := make([][]int, len(shape))
	for k, n := range shape {
		if n == 0 && target[k] > 0 && !constant {
			return nil, nil, c.ShapeError("axis %d is empty: there is nothing to pad it with", k)
		}
		if before[k] != 0 || after[k] != 0 {
			maps[k] = paddedAxis(n, target[k], int(before[k]), index)
		}
	}
	fill := -1
	if c.Has(2) {
		if fill = 2; c.In[2].Len() != 1 || c.In[2].IsFloat() != c.In[0].IsFloat() {
			return nil, nil, c.ShapeError("the constant value is %s, want one %s", c.In[2].Spec, c.In[0].Type)
		}
	}
	return NewRemapOf(c, shape, maps, fill, c.Float("value", 0))
}

// paddedShape is the shape of the output, which must fit memory.
func paddedShape(c *op.Call, before, after []int64) ([]int, error) {
	shape := c.In[0].Shape
	target := make([]int, len(shape))
	for k, n := range shape {
		if target[k] = n + int(before[k]+after[k]); target[k] < 0 {
			return nil, c.ShapeError("pads %v and %v of shape %v leave less than nothing", before, after, shape)
		}
	}
	return target, c.Fits(target)
}

// paddedAxis is which of n elements each of m padded ones reads.
func paddedAxis(n, m, before int, index func(i, n int) int) []int {
	list := make([]int, m)
	for o := range list {
		list[o] = index(o-before, n)
	}
	return list
}

// pads returns how many elements to put before and after each axis.
func pads(c *op.Call) (before, after []int64, err error) {
	list, ok, err := c.IntsAttrOrInput("pads", 1)
	if a := c.Attr("paddings"); a != nil {
		list, ok = a.Ints, true
	}
	if err != nil {
		return nil, nil, err
	}
	rank := len(c.In[0].Shape)
	axes := make([]int64, rank)
	for i := range axes {
		axes[i] = int64(i)
	}
	if c.Has(3) {
		if axes, err = c.Ints(3); err != nil {
			return nil, nil, err
		}
	}
	if _, err := c.CheckAxes(axes, rank); err != nil {
		return nil, nil, err
	}
	if !ok || len(list) != 2*len(axes) {
		return nil, nil, c.ShapeError("pads %v, want one before and one after each of %d axes", list, len(axes))
	}
	before, after = make([]int64, rank), make([]int64, rank)
	for i, a := range axes {
		axis, _ := c.CheckAxis(a, rank)
		before[axis], after[axis] = list[i], list[len(axes)+i]
		if max(before[axis], after[axis]) > op.MaxPad || min(before[axis], after[axis]) < -op.MaxPad {
			return nil, nil, c.ShapeError("pads %v are too large", list)
		}
	}
	return before, after, nil
}

// padIndex returns the mode's rule for which index of an axis of n stands at index i, -1 for the constant.
func padIndex(c *op.Call) (func(i, n int) int, error) {
	rules := map[string]func(i, n int) int{
		"constant": func(i, n int) int {
			if i < 0 || i >= n {
				return -1
			}
			return i
		},
		"edge":    func(i, n int) int { return min(max(i, 0), n-1) },
		"reflect": reflectIndex,
		"wrap":    wrapIndex,
	}
	mode := c.Text("mode", "constant")
	rule := rules[mode]
	if rule == nil {
		return nil, c.Unsupported("mode %q", mode)
	}
	return rule, nil
}

// reflectIndex mirrors at the first and last element without repeating them, as often as needed.
func reflectIndex(i, n int) int {
	if n <= 1 {
		return n - 1 // one element mirrors into itself
	}
	i = wrapIndex(i, 2*(n-1))
	return min(i, 2*(n-1)-i)
}

// wrapIndex is i modulo n, counted from 0; -1 for an empty axis.
func wrapIndex(i, n int) int {
	if n == 0 {
		return -1
	}
	return ((i % n) + n) % n
}

// buildCenterCropPad cuts or pads each axis to a given length, the same on both sides; the odd element goes behind.
func buildCenterCropPad(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	lengths, err := c.Ints(1)
	if err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	axes := c.IntList("axes", nil)
	if axes == nil {
		for i := range shape {
			axes = append(axes, int64(i))
		}
	}
	if _, err := c.CheckAxes(axes, len(shape)); err != nil {
		return nil, nil, err
	}
	if len(lengths) != len(axes) {
		return nil, nil, c.ShapeError("shape %v for axes %v", lengths, axes)
	}
	maps := make([][]int, len(shape))
	target := slices.Clone(shape)
	for i, a := range axes {
		axis, _ := c.CheckAxis(a, len(shape))
		target[axis] = int(lengths[i])
	}
	if err := c.Fits(target); err != nil {
		return nil, nil, err
	}
	for k, n := range shape {
		if target[k] != n {
			maps[k] = centred(n, target[k])
		}
	}
	return NewRemapOf(c, shape, maps, -1, 0)
}

// centred maps an axis of n to one of m around the same centre.
func centred(n, m int) []int {
	list := make([]int, m)
	shift := (n - m) / 2
	for o := range list {
		if list[o] = o + shift; list[o] < 0 || list[o] >= n {
			list[o] = -1
		}
	}
	return list
}
