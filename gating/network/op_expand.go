package network

import "slices"

// expandOps repeat elements.
var expandOps = family{
	full("Expand", 8, buildExpand),
	full("Tile", 1, buildTile1),
	full("Tile", 6, buildTile),
}

// buildExpand broadcasts the input with a shape in both directions.
func buildExpand(c *call) (Operator, []Spec, error) {
	if err := c.need(2); err != nil {
		return nil, nil, err
	}
	dims, err := c.ints(1)
	if err != nil {
		return nil, nil, err
	}
	target, err := c.shapeOf(dims)
	if err != nil {
		return nil, nil, err
	}
	rank := max(len(target), len(c.in[0].Shape))
	from, to := padRank(c.in[0].Shape, rank), padRank(target, rank)
	for k := range rank {
		if to[k] == 1 {
			to[k] = from[k]
		}
		if from[k] != to[k] && from[k] != 1 {
			return nil, nil, c.shapeError("shape %v does not broadcast to %v", c.in[0].Shape, target)
		}
	}
	if err := c.fits(to); err != nil {
		return nil, nil, err
	}
	return c.newRemapOf(from, repeats(from, to), -1, 0)
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
func buildTile(c *call) (Operator, []Spec, error) {
	if err := c.need(2); err != nil {
		return nil, nil, err
	}
	times, err := c.ints(1)
	if err != nil {
		return nil, nil, err
	}
	return c.tile(times)
}

// buildTile1 is Tile of opset 1, which repeats along one axis.
func buildTile1(c *call) (Operator, []Spec, error) {
	if err := c.need(3); err != nil {
		return nil, nil, err
	}
	var numbers [2]int64
	for i := range numbers {
		list, err := c.ints(i + 1)
		if err != nil {
			return nil, nil, err
		}
		if len(list) != 1 {
			return nil, nil, c.shapeError("input %d has %d elements, want 1", i+1, len(list))
		}
		numbers[i] = list[0]
	}
	axis, err := c.checkAxis(numbers[1], len(c.in[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	times := slices.Repeat([]int64{1}, len(c.in[0].Shape))
	times[axis] = numbers[0]
	return c.tile(times)
}

func (c *call) tile(times []int64) (Operator, []Spec, error) {
	from := c.in[0].Shape
	if len(times) != len(from) {
		return nil, nil, c.shapeError("%d repeats for an input of rank %d", len(times), len(from))
	}
	to := make([]int, len(from))
	for k, t := range times {
		if t < 0 || t > maxPad || from[k] > maxPad/int(max(t, 1)) {
			return nil, nil, c.shapeError("repeats %v of shape %v", times, from)
		}
		to[k] = from[k] * int(t)
	}
	if err := c.fits(to); err != nil {
		return nil, nil, err
	}
	return c.newRemapOf(from, repeats(from, to), -1, 0)
}
