package element

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// castOps convert between element types.
var castOps = op.Family{
	op.WithGradient("Cast", 1, buildCast),
	op.WithGradient("CastLike", 15, buildCastLike),
}

// typeNames are the values of attribute to before opset 6, where it was a string.
var typeNames = map[string]onnx.DataType{
	"FLOAT": onnx.Float32, "DOUBLE": onnx.Float64, "FLOAT16": onnx.Float16, "BOOL": onnx.Bool,
	"INT8": onnx.Int8, "INT16": onnx.Int16, "INT32": onnx.Int32, "INT64": onnx.Int64,
	"UINT8": onnx.Uint8, "UINT16": onnx.Uint16, "UINT32": onnx.Uint32, "UINT64": onnx.Uint64, "STRING": onnx.String,
}

// buildCast follows Cast of opset 1 (to as a string), 6, 19 (saturate, 8-bit floats) and 24 (round_mode for
// float8e8m0).
func buildCast(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	to := onnx.DataType(c.Int("to", 0))
	if c.Opset < 6 {
		to = typeNames[c.Text("to", "")]
	}
	return castTo(c, to)
}

// buildCastLike converts to the type of input 1, whose elements do not matter.
func buildCastLike(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	to := c.In[1].Type
	c.In = c.In[:1]
	return castTo(c, to)
}

// castTo builds the conversion of input 0; where no element can change it is a view.
func castTo(c *op.Call, to onnx.DataType) (op.Operator, []op.Spec, error) {
	from := c.In[0].Type
	if !computable(to) || !computable(from) {
		return nil, nil, c.Unsupported("from %s to %s: only numbers and bool can be computed", from, to)
	}
	spec := op.Spec{Type: to, Shape: c.In[0].Shape}
	if keepsValues(from, to) {
		return c.AsView(0, spec)
	}
	round := rounding{saturate: c.Int("saturate", 1) != 0, mode: c.Text("round_mode", "up")}
	switch {
	case from.IsFloat() && to.IsFloat():
		return roundCast{round.to(to)}, []op.Spec{spec}, nil
	case from.IsFloat():
		return toInt(to), []op.Spec{spec}, nil
	case to.IsFloat():
		return toFloat{from, round.to(to)}, []op.Spec{spec}, nil
	default:
		return intCast(to), []op.Spec{spec}, nil
	}
}

// computable says whether tensors of the type can be held.
func computable(t onnx.DataType) bool { return t.IsFloat() || t.IsInteger() || t == onnx.Bool }

// keepsValues says whether every element of type from is held the same way in type to.
func keepsValues(from, to onnx.DataType) bool {
	switch {
	case from == to:
		return true
	case from.IsFloat():
		return to == onnx.Float32 || to == onnx.Float64
	case to.IsFloat() || to == onnx.Bool:
		return false
	case from == onnx.Bool:
		return true
	}
	wider := from.Size() < to.Size()
	return wider && (isUnsigned(from) || !isUnsigned(to))
}

// isUnsigned says whether an integer type has no negative numbers.
func isUnsigned(t onnx.DataType) bool {
	switch t {
	case onnx.Uint2, onnx.Uint4, onnx.Uint8, onnx.Uint16, onnx.Uint32, onnx.Uint64:
		return true
	}
	return false
}

// roundCast rounds floats to a narrower type. Its gradient is that of the identity.
type roundCast struct{ round func(float32) float32 }

// Forward rounds every element.
func (r roundCast) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Map(x.Workers, out[0].F, in[0].F, r.round)
	return nil
}

// Backward passes dy on.
func (r roundCast) Backward(_ *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	copy(dx.F, dy.F)
	return nil
}

// toFloat converts integers to floats.
type toFloat struct {
	from  onnx.DataType
	round func(float32) float32
}

// Forward converts every element.
func (t toFloat) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Map(x.Workers, out[0].F, in[0].I, func(v int64) float32 { return t.round(floatOf(t.from, v)) })
	return nil
}

// floatOf converts an integer of type t.
func floatOf(t onnx.DataType, v int64) float32 {
	if t == onnx.Uint64 {
		return float32(uint64(v))
	}
	return float32(v)
}

// toInt converts floats to integers. It is piecewise constant.
type toInt onnx.DataType

// Forward converts every element, cutting off fractions.
func (t toInt) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Map(x.Workers, out[0].I, in[0].F, func(v float32) int64 { return integerOf(onnx.DataType(t), v) })
	return nil
}

// Backward is zero.
func (t toInt) Backward(_ *op.Context, _, _ int, _, _ []*op.Tensor, _, dx *op.Tensor) error {
	clear(dx.F)
	return nil
}

// integerOf converts a float to type t: the fraction is cut off, and what does not fit becomes what common processors
// make of it, so that results do not depend on the processor at hand.
func integerOf(t onnx.DataType, v float32) int64 {
	f := float64(v)
	switch {
	case t == onnx.Bool:
		return op.Truth(v != 0)
	case t == onnx.Uint64 && f >= 1<<63 && f < 1<<64:
		return int64(uint64(f))
	case (t == onnx.Int64 || t == onnx.Uint64 || t == onnx.Uint32) && f >= -1<<63 && f < 1<<63:
		return wrapNarrow(t, int64(f))
	case t == onnx.Int64 || t == onnx.Uint64 || t == onnx.Uint32:
		return wrapNarrow(t, math.MinInt64)
	case f > -1<<31-1 && f < 1<<31:
		return wrapNarrow(t, int64(f))
	}
	return wrapNarrow(t, math.MinInt32)
}

// intCast converts integers to a type that may not hold them.
type intCast onnx.DataType

// Forward converts every element.
func (t intCast) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Map(x.Workers, out[0].I, in[0].I, func(v int64) int64 { return wrapNarrow(onnx.DataType(t), v) })
	return nil
}

// wrapNarrow is wrapInt for types below 8 bits too.
func wrapNarrow(t onnx.DataType, v int64) int64 {
	switch t {
	case onnx.Int4:
		return v << 60 >> 60
	case onnx.Uint4:
		return v & 15
	case onnx.Int2:
		return v << 62 >> 62
	case onnx.Uint2:
		return v & 3
	}
	return op.WrapInt(t, v)
}
