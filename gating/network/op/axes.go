package op

import "slices"

// Axis returns an axis of input 0 given as an attribute, counted from 0.
func (c *Call) Axis(name string, def int64, rank int) (int, error) {
	return c.CheckAxis(c.Int(name, def), rank)
}

// CheckAxis returns the axis counted from 0, or an error if a tensor of that rank has no such axis.
func (c *Call) CheckAxis(axis int64, rank int) (int, error) {
	if axis < int64(-rank) || axis >= int64(rank) {
		return 0, c.ShapeError("axis %d of a tensor of rank %d, want %d to %d", axis, rank, -rank, rank-1)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// CheckAxes returns the axes counted from 0, sorted, or an error if one is out of range or repeated.
func (c *Call) CheckAxes(axes []int64, rank int) ([]int, error) {
	list := make([]int, 0, len(axes))
	for _, a := range axes {
		axis, err := c.CheckAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, axis) {
			return nil, c.ShapeError("axis %d is given twice", axis)
		}
		list = append(list, axis)
	}
	slices.Sort(list)
	return list, nil
}

// Advance moves an index of a tensor of the shape to the next element in row-major order, and from the last to the
// first.
func Advance(place, shape []int) {
	for d := len(place) - 1; d >= 0; d-- {
		if place[d]++; place[d] < shape[d] {
			return
		}
		place[d] = 0
	}
}

// Lanes is a tensor seen along one axis: outer times inner lanes of n elements, inner elements apart.
type Lanes struct{ Outer, N, Inner int }

// LanesOf returns the lanes of a shape along an axis.
func LanesOf(shape []int, axis int) Lanes {
	return Lanes{SizeOf(shape[:axis]), shape[axis], SizeOf(shape[axis+1:])}
}

// Each calls do with every lane's number and the offset of its first element, shared among workers. Lanes without
// elements are left out.
func (l Lanes) Each(x *Context, do func(lane, at int)) {
	if l.N == 0 {
		return
	}
	x.Workers.For(l.Outer*l.Inner, max(1, ElementGrain/16/max(1, l.N)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			do(i, i/l.Inner*l.N*l.Inner+i%l.Inner)
		}
	})
}

// ShapeOf returns a list of dimensions as a shape; a negative one is an error.
func (c *Call) ShapeOf(dims []int64) ([]int, error) {
	shape := make([]int, len(dims))
	for i, d := range dims {
		if d < 0 {
			return nil, c.ShapeError("shape %v has a negative dimension", dims)
		}
		shape[i] = int(d)
	}
	return shape, nil
}

// Dims returns input i as a shape.
func (c *Call) Dims(i int) ([]int, error) {
	list, err := c.Ints(i)
	if err != nil {
		return nil, err
	}
	return c.ShapeOf(list)
}

// MaxPad bounds each pad so that sums of them cannot overflow.
const MaxPad = 1 << 40

// MaxExtent bounds every number of a window, so that sums and products of a few cannot overflow.
const MaxExtent = 1 << 28
