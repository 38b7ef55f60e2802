package network

import (
	"math"

	"github.com/softmerge/softmerge/onnx"
)

// shapeOps turn shapes into tensors and known numbers into tensors.
var shapeOps = family{
	zero("Shape", 1, buildShape),
	zero("Size", 1, buildSize),
	zero("Range", 11, buildRange),
	zero("EyeLike", 9, buildEyeLike),
}

// buildShape is the input's shape as integers; start and end since opset 15, clamped.
func buildShape(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	r := int64(len(shape))
	clamp := func(i int64) int64 {
		if i < 0 {
			i += r
		}
		return min(max(i, 0), r)
	}
	start, end := clamp(c.int("start", 0)), clamp(c.int("end", r))
	dims := []int64{}
	for i := start; i < end; i++ {
		dims = append(dims, int64(shape[i]))
	}
	return c.asConstant(&Tensor{Type: onnx.Int64, Shape: []int{len(dims)}, I: dims})
}

func buildSize(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	return c.asConstant(&Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{int64(c.in[0].Len())}})
}

// buildRange counts from start to before limit in steps of delta.
func buildRange(c *call) (Operator, []Spec, error) {
	if err := c.need(3); err != nil {
		return nil, nil, err
	}
	for i, in := range c.in[:3] {
		if in.Len() != 1 || in.Type != c.in[0].Type {
			return nil, nil, c.shapeError("input %d is %s, want one element of type %s", i, in.Spec, c.in[0].Type)
		}
	}
	if c.in[0].IsFloat() {
		return c.floatRange()
	}
	var v [3]int64
	for i := range v {
		list, err := c.ints(i)
		if err != nil {
			return nil, nil, err
		}
		v[i] = list[0]
	}
	n, err := c.rangeLength(float64(v[0]), float64(v[1]), float64(v[2]))
	if err != nil {
		return nil, nil, err
	}
	t, err := c.newConstant(Spec{c.in[0].Type, []int{n}})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.I {
		t.I[i] = v[0] + int64(i)*v[2]
	}
	return c.asConstant(t)
}

func (c *call) floatRange() (Operator, []Spec, error) {
	var v [3]float64
	for i := range v {
		list, err := c.floats(i)
		if err != nil {
			return nil, nil, err
		}
		v[i] = float64(list[0])
	}
	n, err := c.rangeLength(v[0], v[1], v[2])
	if err != nil {
		return nil, nil, err
	}
	t, err := c.newConstant(Spec{c.in[0].Type, []int{n}})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.F {
		t.F[i] = float32(v[0] + float64(i)*v[2])
	}
	return c.asConstant(t)
}

// rangeLength is max(ceil((limit-start)/delta), 0).
func (c *call) rangeLength(start, limit, delta float64) (int, error) {
	n := math.Max(math.Ceil((limit-start)/delta), 0)
	if delta == 0 || !(n < 1<<40) {
		return 0, c.shapeError("a range from %g to %g in steps of %g", start, limit, delta)
	}
	return int(n), nil
}

// buildEyeLike has ones on the k-th diagonal of a matrix of the input's shape.
func buildEyeLike(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	if len(shape) != 2 {
		return nil, nil, c.shapeError("input has shape %v, want a matrix", shape)
	}
	dt := onnx.DataType(c.int("dtype", int64(c.in[0].Type)))
	if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
		return nil, nil, c.unsupported("a matrix of type %s", dt)
	}
	t, err := c.newConstant(Spec{dt, shape})
	if err != nil {
		return nil, nil, err
	}
	for row := range shape[0] {
		col := int64(row) + c.int("k", 0)
		if col < 0 || col >= int64(shape[1]) {
			continue
		}
		if i := row*shape[1] + int(col); t.Spec().IsFloat() {
			t.F[i] = 1
		} else {
			t.I[i] = 1
		}
	}
	return c.asConstant(t)
}
