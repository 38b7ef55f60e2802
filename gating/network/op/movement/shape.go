package movement

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// shapeOps turn shapes into tensors and known numbers into tensors.
var shapeOps = op.Family{
	op.WithZeroGradient("Shape", 1, buildShape),
	op.WithZeroGradient("Size", 1, buildSize),
	op.WithZeroGradient("Range", 11, buildRange),
	op.WithZeroGradient("EyeLike", 9, buildEyeLike),
}

// buildShape is the input's shape as integers; start and end since opset 15, clamped.
func buildShape(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	r := int64(len(shape))
	clamp := func(i int64) int64 {
		if i < 0 {
			i += r
		}
		return min(max(i, 0), r)
	}
	start, end := clamp(c.Int("start", 0)), clamp(c.Int("end", r))
	dims := []int64{}
	for i := start; i < end; i++ {
		dims = append(dims, int64(shape[i]))
	}
	return c.AsConstant(&op.Tensor{Type: onnx.Int64, Shape: []int{len(dims)}, I: dims})
}

func buildSize(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	return c.AsConstant(&op.Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{int64(c.In[0].Len())}})
}

// buildRange counts from start to before limit in steps of delta.
func buildRange(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	for i, in := range c.In[:3] {
		if in.Len() != 1 || in.Type != c.In[0].Type {
			return nil, nil, c.ShapeError("input %d is %s, want one element of type %s", i, in.Spec, c.In[0].Type)
		}
	}
	if c.In[0].IsFloat() {
		return floatRange(c)
	}
	var v [3]int64
	for i := range v {
		list, err := c.Ints(i)
		if err != nil {
			return nil, nil, err
		}
		v[i] = list[0]
	}
	n, err := rangeLength(c, float64(v[0]), float64(v[1]), float64(v[2]))
	if err != nil {
		return nil, nil, err
	}
	t, err := c.NewConstant(op.Spec{Type: c.In[0].Type, Shape: []int{n}})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.I {
		t.I[i] = v[0] + int64(i)*v[2]
	}
	return c.AsConstant(t)
}

func floatRange(c *op.Call) (op.Operator, []op.Spec, error) {
	var v [3]float64
	for i := range v {
		list, err := c.Floats(i)
		if err != nil {
			return nil, nil, err
		}
		v[i] = float64(list[0])
	}
	n, err := rangeLength(c, v[0], v[1], v[2])
	if err != nil {
		return nil, nil, err
	}
	t, err := c.NewConstant(op.Spec{Type: c.In[0].Type, Shape: []int{n}})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.F {
		t.F[i] = float32(v[0] + float64(i)*v[2])
	}
	return c.AsConstant(t)
}

// rangeLength is max(ceil((limit-start)/delta), 0).
func rangeLength(c *op.Call, start, limit, delta float64) (int, error) {
	n := math.Max(math.Ceil((limit-start)/delta), 0)
	if delta == 0 || !(n < 1<<40) {
		return 0, c.ShapeError("a range from %g to %g in steps of %g", start, limit, delta)
	}
	return int(n), nil
}

// buildEyeLike has ones on the k-th diagonal of a matrix of the input's shape.
func buildEyeLike(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	if len(shape) != 2 {
		return nil, nil, c.ShapeError("input has shape %v, want a matrix", shape)
	}
	dt := onnx.DataType(c.Int("dtype", int64(c.In[0].Type)))
	if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
		return nil, nil, c.Unsupported("a matrix of type %s", dt)
	}
	t, err := c.NewConstant(op.Spec{Type: dt, Shape: shape})
	if err != nil {
		return nil, nil, err
	}
	for row := range shape[0] {
		col := int64(row) + c.Int("k", 0)
		if col < 0 || col >= int64(shape[1]) {
			continue
		}
		if i := row*shape[1] + int(col); t.Spec().IsFloat() {
			t.F[i] = 1
		} else {
			t.I[i] = 1
		}
	}
	return c.AsConstant(t)
}
