package network

import "slices"

// axis returns an axis of input 0 given as an attribute, counted from 0.
func (c *call) axis(name string, def int64, rank int) (int, error) {
	return c.checkAxis(c.int(name, def), rank)
}

// checkAxis returns the axis counted from 0, or an error if a tensor of that rank has no such axis.
func (c *call) checkAxis(axis int64, rank int) (int, error) {
	if axis < int64(-rank) || axis >= int64(rank) {
		return 0, c.shapeError("axis %d of a tensor of rank %d, want %d to %d", axis, rank, -rank, rank-1)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// checkAxes returns the axes counted from 0, sorted, or an error if one is out of range or repeated.
func (c *call) checkAxes(axes []int64, rank int) ([]int, error) {
	list := make([]int, 0, len(axes))
	for _, a := range axes {
		axis, err := c.checkAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, axis) {
			return nil, c.shapeError("axis %d is given twice", axis)
		}
		list = append(list, axis)
	}
	slices.Sort(list)
	return list, nil
}

// advance moves an index of a tensor of the shape to the next element in row-major order, and from the last to the first.
func advance(place, shape []int) {
	for d := len(place) - 1; d >= 0; d-- {
		if place[d]++; place[d] < shape[d] {
			return
		}
		place[d] = 0
	}
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

// shapeOf returns a list of dimensions as a shape; a negative one is an error.
func (c *call) shapeOf(dims []int64) ([]int, error) {
	shape := make([]int, len(dims))
	for i, d := range dims {
		if d < 0 {
			return nil, c.shapeError("shape %v has a negative dimension", dims)
		}
		shape[i] = int(d)
	}
	return shape, nil
}

// dims returns input i as a shape.
func (c *call) dims(i int) ([]int, error) {
	list, err := c.ints(i)
	if err != nil {
		return nil, err
	}
	return c.shapeOf(list)
}

// maxPad bounds each pad so that sums of them cannot overflow.
const maxPad = 1 << 40

// maxExtent bounds every number of a window, so that sums and products of a few cannot overflow.
const maxExtent = 1 << 28
