package movement

import (
	"github.com/softmerge/softmerge/gating/network/op"
)

// sliceOps cut boxes out of tensors.
var sliceOps = op.Family{
	op.WithGradient("Slice", 1, buildSlice),
	op.WithGradient("Crop", 1, buildCrop),
}

// buildSlice follows Slice of opset 1 (attributes), 10 (inputs, steps) and 13.
func buildSlice(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	b, err := sliceBounds(c)
	if err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	maps := make([][]int, len(shape))
	for i, a := range b.axes {
		axis, err := c.CheckAxis(a, len(shape))
		if err != nil {
			return nil, nil, err
		}
		if maps[axis] != nil {
			return nil, nil, c.ShapeError("axis %d is given twice", axis)
		}
		if b.steps[i] == 0 {
			return nil, nil, c.ShapeError("the step along axis %d is 0", axis)
		}
		maps[axis] = sliceIndices(shape[axis], b.starts[i], b.ends[i], b.steps[i])
	}
	for k, m := range maps {
		if IsWhole(m, shape[k]) {
			maps[k] = nil
		}
	}
	return newRemap(c, maps)
}

// bounds are the lists of a Slice, of one length.
type bounds struct{ starts, ends, axes, steps []int64 }

func sliceBounds(c *op.Call) (b bounds, err error) {
	lists := []struct {
		name string
		to   *[]int64
	}{{"starts", &b.starts}, {"ends", &b.ends}, {"axes", &b.axes}, {"steps", &b.steps}}
	given := map[string]bool{}
	for i, l := range lists {
		if *l.to, given[l.name], err = c.IntsAttrOrInput(l.name, i+1); err != nil {
			return b, err
		}
	}
	for i := range b.starts {
		if !given["axes"] {
			b.axes = append(b.axes, int64(i))
		}
		if !given["steps"] {
			b.steps = append(b.steps, 1)
		}
	}
	if !given["starts"] || len(b.ends) != len(b.starts) || len(b.axes) != len(b.starts) ||
		len(b.steps) != len(b.starts) {
		return b, c.ShapeError("starts %v, ends %v, axes %v and steps %v, want lists of one length",
			b.starts, b.ends, b.axes, b.steps)
	}
	return b, nil
}

// sliceIndices returns the indices from start to before end, clamped to an axis of n; negative ones count from its end.
// Unlike in NumPy, stepping backwards from before the axis begins at its first element.
func sliceIndices(n int, start, end, step int64) []int {
	size := int64(n)
	if start < 0 {
		start += size
	}
	if end < 0 {
		end += size
	}
	step = min(max(step, -size-1), size+1)
	list := []int{}
	if step > 0 {
		for i := min(max(start, 0), size); i < min(end, size); i += step {
			list = append(list, int(i))
		}
		return list
	}
	for i := min(max(start, 0), size-1); i > max(end, -1); i += step {
		list = append(list, int(i))
	}
	return list
}

// IsWhole says whether a map reads an axis of n as it is.
func IsWhole(m []int, n int) bool {
	if len(m) != n {
		return false
	}
	for i, s := range m {
		if s != i {
			return false
		}
	}
	return true
}

// buildCrop follows Crop of opset 1: border is left, top, right, bottom of an N×C×H×W image; with the attribute scale,
// the height and width to keep from the left and top border on.
func buildCrop(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape, border, size := c.In[0].Shape, c.IntList("border", nil), c.IntList("scale", nil)
	if len(shape) != 4 || len(border) != 4 || size != nil && len(size) != 2 {
		return nil, nil,
			c.ShapeError("border %v and scale %v for an input of shape %v, want four and two numbers for N×C×H×W",
				border, size, shape)
	}
	maps := make([][]int, 4)
	for i := range 2 {
		from, n := border[1-i], int64(shape[2+i])
		to := n - border[3-i]
		if size != nil {
			to = from + size[i]
		}
		if from < 0 || to < from || to > n {
			return nil, nil,
				c.ShapeError("border %v and scale %v cut from %d to %d of %d along axis %d", border, size, from, to, n,
					2+i)
		}
		maps[2+i] = sliceIndices(shape[2+i], from, to, 1)
	}
	return newRemap(c, maps)
}
