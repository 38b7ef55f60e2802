package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// expandOps repeat elements.
var expandOps = op.Family{
	op.WithGradient("Expand", 8, buildExpand),
	op.WithGradient("Tile", 1, buildTile1),
	op.WithGradient("Tile", 6, buildTile),
}

// buildExpand broadcasts the input with a shape in both directions.
func buildExpand(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	dims, err := c.Ints(1)
	if err != nil {
		return nil, nil, err
	}
	target, err := c.ShapeOf(dims)
	if err != nil {
		return nil, nil, err
	}
	rank := max(len(target), len(c.In[0].Shape))
	from, to := padRank(c.In[0].Shape, rank), padRank(target, rank)
	for k := range rank {
		if to[k] == 1 {
			to[k] = from[k]
		}
		if from[k] != to[k] && from[k] != 1 {
			return nil, nil, c.ShapeError("shape %v does not broadcast to %v", c.In[0].Shape, target)
		}
	}
	if err := c.Fits(to); err != nil {
		return nil, nil, err
	}
	return NewRemapOf(c, from, repeats(from, to), -1, 0)
}

// padRank puts axes of length 1 before a shape.
func padRank(shape []int, rank int) []int {
	return append(slices.Repeat([]int{1}, rank-len(shape)), shape...)
}

// repeats maps each axis to a multiple of its length by starting over.
func repeats(from, to []int) [][]int {
	maps := make([][]int, len(from))
	for k, n := range from {
		if n == to[k] {
			continue
		}
		maps[k] = make([]int, to[k])
		for o := range maps[k] {
			maps[k][o] = o % n
		}
	}
	return maps
}

// buildTile repeats the input along every axis.
func buildTile(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	times, err := c.Ints(1)
	if err != nil {
		return nil, nil, err
	}
	return tile(c, times)
}

// buildTile1 is Tile of opset 1, which repeats along one axis.
func buildTile1(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	var numbers [2]int64
	for i := range numbers {
		list, err := c.Ints(i + 1)
		if err != nil {
			return nil, nil, err
		}
		if len(list) != 1 {
			return nil, nil, c.ShapeError("input %d has %d elements, want 1", i+1, len(list))
		}
		numbers[i] = list[0]
	}
	axis, err := c.CheckAxis(numbers[1], len(c.In[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	times := slices.Repeat([]int64{1}, len(c.In[0].Shape))
	times[axis] = numbers[0]
	return tile(c, times)
}

func tile(c *op.Call, times []int64) (op.Operator, []op.Spec, error) {
	from := c.In[0].Shape
	if len(times) != len(from) {
		return nil, nil, c.ShapeError("%d repeats for an input of rank %d", len(times), len(from))
	}
	to := make([]int, len(from))
	for k, t := range times {
		if t < 0 || t > op.MaxPad || from[k] > op.MaxPad/int(max(t, 1)) {
			return nil, nil, c.ShapeError("repeats %v of shape %v", times, from)
		}
		to[k] = from[k] * int(t)
	}
	if err := c.Fits(to); err != nil {
		return nil, nil, err
	}
	return NewRemapOf(c, from, repeats(from, to), -1, 0)
}
