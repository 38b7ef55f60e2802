package element

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// quantizeOps convert between floats and scaled narrow types. They have no gradient: the float model is the one to
// merge.
var quantizeOps = op.Family{
	op.WithoutGradient("QuantizeLinear", 10, buildQuantize),
	op.WithoutGradient("DequantizeLinear", 10, buildDequantize),
	op.WithoutGradient("com.microsoft.QuantizeLinear", 1, buildQuantize),
	op.WithoutGradient("com.microsoft.DequantizeLinear", 1, buildDequantize),
	op.WithoutGradient("DynamicQuantizeLinear", 11, buildDynamicQuantize),
}

// scaling says which scale belongs to an element: one for all, one an index of an axis, or one a block along it.
type scaling struct {
	axis, inner int // length of the axis and of what lies inside it
	block       int // indices of the axis that share a scale; 0 where all do
	scales      int // scales along the axis
	blocked     bool
}

// index returns the scale of element e.
func (s *scaling) index(e int) int {
	if s.block == 0 {
		return 0
	}
	at := e / s.inner % s.axis / s.block
	if s.blocked {
		return (e/s.inner/s.axis*s.scales+at)*s.inner + e%s.inner
	}
	return at
}

// readScaling reads axis (opset 13) and block_size (opset 21) against the shape of the scale in input 1.
func readScaling(c *op.Call) (*scaling, error) {
	x, scale := c.In[0].Shape, c.In[1].Shape
	if c.Has(2) && c.In[2].Len() != c.In[1].Len() {
		return nil, c.ShapeError("scale and zero point have shapes %v and %v, want the same", scale, c.In[2].Shape)
	}
	if op.SizeOf(scale) == 1 && len(scale) < 2 {
		return &scaling{}, nil
	}
	axis, err := c.Axis("axis", 1, len(x))
	if err != nil {
		return nil, err
	}
	s := &scaling{axis: x[axis], inner: op.SizeOf(x[axis+1:]), block: 1, scales: x[axis]}
	if b := int(c.Int("block_size", 0)); b > 0 {
		s.block, s.blocked, s.scales = b, true, (x[axis]+b-1)/b
		want := slices.Clone(x)
		want[axis] = s.scales
		if !slices.Equal(scale, want) {
			return nil, c.ShapeError("the scale has shape %v, want %v for blocks of %d", scale, want, b)
		}
		return s, nil
	}
	if len(scale) != 1 || scale[0] != x[axis] {
		return nil, c.ShapeError("the scale has shape %v, want [%d] for axis %d of %v", scale, x[axis], axis, x)
	}
	return s, nil
}

// quantize is saturate(round(x/scale) + zero).
type quantize struct {
	*scaling
	round func(float32) float32 // for narrow float types
}

// buildQuantize follows QuantizeLinear of opset 10 to 25.
func buildQuantize(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	s, err := readScaling(c)
	if err != nil {
		return nil, nil, err
	}
	to := onnx.DataType(c.Int("output_dtype", int64(onnx.Uint8)))
	if c.Has(2) {
		to = c.In[2].Type
	}
	if to.Size() == 0 || to.Size() > 16 {
		return nil, nil, c.Unsupported("to %s", to)
	}
	q := &quantize{s, rounding{saturate: c.Int("saturate", 1) != 0}.to(to)}
	return q, []op.Spec{{Type: to, Shape: c.In[0].Shape}}, nil
}

// Forward scales, rounds half to even, shifts and saturates.
func (q *quantize) Forward(x *op.Context, in, out []*op.Tensor) error {
	values, scale, y := asFloats(in[0]), asFloats(in[1]), out[0]
	zero := zeroPoints(in, len(scale))
	low, high := limits(y.Type)
	x.Workers.For(len(values), op.ElementGrain, func(lo, hi int) {
		for e := lo; e < hi; e++ {
			i := q.index(e)
			v := values[e] / scale[i]
			if y.F != nil {
				y.F[e] = q.round(v + zero[i])
			} else {
				y.I[e] = integerOf(y.Type, float32(max(low, min(high, math.RoundToEven(float64(v))+float64(zero[i])))))
			}
		}
	})
	return nil
}

// zeroPoints returns input 2 as floats, n zeros where it is absent.
func zeroPoints(in []*op.Tensor, n int) []float32 {
	if len(in) > 2 && in[2] != nil {
		return asFloats(in[2])
	}
	return make([]float32, n)
}

// limits returns the least and greatest number of a narrow integer type.
func limits(t onnx.DataType) (low, high float64) {
	size := math.Ldexp(1, t.Size())
	if isUnsigned(t) {
		return 0, size - 1
	}
	return -size / 2, size/2 - 1
}

// dequantize is (x - zero)·scale.
type dequantize struct {
	*scaling
	round func(float32) float32
}

// buildDequantize follows DequantizeLinear of opset 10 to 25.
func buildDequantize(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	s, err := readScaling(c)
	if err != nil {
		return nil, nil, err
	}
	to := onnx.DataType(c.Int("output_dtype", 0))
	if to == onnx.Undefined {
		to = c.In[1].Type
	}
	if !to.IsFloat() {
		return nil, nil, c.ShapeError("the result would be %s, want a float type", to)
	}
	return &dequantize{s, rounding{}.to(to)}, []op.Spec{{Type: to, Shape: c.In[0].Shape}}, nil
}

// Forward shifts and scales.
func (d *dequantize) Forward(x *op.Context, in, out []*op.Tensor) error {
	values, scale := asFloats(in[0]), asFloats(in[1])
	zero := zeroPoints(in, len(scale))
	y := out[0].F
	x.Workers.For(len(values), op.ElementGrain, func(lo, hi int) {
		for e := lo; e < hi; e++ {
			i := d.index(e)
			y[e] = d.round((values[e] - zero[i]) * scale[i])
		}
	})
	return nil
}

// dynamicQuantize quantises to uint8 over the range of its input, widened to hold 0.
type dynamicQuantize struct{}

// buildDynamicQuantize follows DynamicQuantizeLinear of opset 11.
func buildDynamicQuantize(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	if !c.In[0].IsFloat() {
		return nil, nil, c.ShapeError("input 0 is %s, want floats", c.In[0].Spec)
	}
	return dynamicQuantize{}, []op.Spec{{Type: onnx.Uint8, Shape: c.In[0].Shape}, {Type: onnx.Float32, Shape: nil},
		{Type: onnx.Uint8, Shape: nil}}, nil
}

// Forward finds the scale and zero point and quantises.
func (dynamicQuantize) Forward(x *op.Context, in, out []*op.Tensor) error {
	var low, high float32
	for _, v := range in[0].F {
		low, high = min(low, v), max(high, v)
	}
	scale := (high - low) / 255
	zero := math.RoundToEven(float64(max(0, min(255, 0-low/scale))))
	if scale == 0 {
		scale, zero = 1, 0
	}
	if out[1] != nil {
		out[1].F[0] = scale
	}
	if out[2] != nil {
		out[2].I[0] = int64(zero)
	}
	if out[0] != nil {
		kernel.Map(x.Workers, out[0].I, in[0].F, func(v float32) int64 {
			return integerOf(onnx.Uint8, float32(max(0, min(255, math.RoundToEven(float64(v/scale))+zero))))
		})
	}
	return nil
}
