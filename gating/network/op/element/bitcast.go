package element

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// bitCastOps read the bits of one type as another.
var bitCastOps = op.Family{
	op.WithoutGradient("BitCast", 26, buildBitCast),
}

// bitCast reads the bits of every element as a number of another type of the same width.
type bitCast struct{ from, to onnx.DataType }

// buildBitCast follows BitCast of opset 26. Types below 16 bits must be integers.
func buildBitCast(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	b := bitCast{c.In[0].Type, onnx.DataType(c.Int("to", 0))}
	spec := op.Spec{Type: b.to, Shape: c.In[0].Shape}
	switch {
	case b.from == b.to:
		return c.AsView(0, spec)
	case !computable(b.to) || b.from.Size() != b.to.Size():
		return nil, nil, c.ShapeError("from %s to %s: want types of the same width", b.from, b.to)
	case (b.from.IsFloat() || b.to.IsFloat()) && b.from.Size() < 16:
		return nil, nil, c.Unsupported("from %s to %s: floats below 16 bits are not supported", b.from, b.to)
	}
	return b, []op.Spec{spec}, nil
}

// Forward reads every element's bits.
func (b bitCast) Forward(_ *op.Context, in, out []*op.Tensor) error {
	for i := range in[0].Len() {
		var bits uint64
		if b.from.IsFloat() {
			bits = floatBits(b.from, in[0].F[i])
		} else {
			bits = uint64(in[0].I[i])
		}
		if b.to.IsFloat() {
			out[0].F[i] = bitsFloat(b.to, bits)
		} else {
			out[0].I[i] = wrapNarrow(b.to, int64(bits))
		}
	}
	return nil
}

// floatBits are the bits of a number that the type holds.
func floatBits(t onnx.DataType, v float32) uint64 {
	bits := math.Float32bits(v)
	switch t {
	case onnx.Float64:
		return math.Float64bits(float64(v))
	case onnx.BFloat16:
		return uint64(bits >> 16)
	case onnx.Float16:
		return uint64(halfOf(v))
	}
	return uint64(bits)
}

// halfOf are the bits of a float16: a sign, 5 bits of exponent and 10 of fraction.
func halfOf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, size := uint16(bits>>16&0x8000), math.Abs(float64(v))
	switch {
	case v != v:
		return sign | 0x7e00
	case size > 65504:
		return sign | 0x7c00
	case size < 1.0/(1<<14):
		return sign | uint16(size*(1<<24))
	}
	return sign | uint16(bits>>13&0x3ff) | uint16(bits>>23&0xff-112)<<10
}

// bitsFloat is the number of the bits.
func bitsFloat(t onnx.DataType, bits uint64) float32 {
	switch t {
	case onnx.Float64:
		return float32(math.Float64frombits(bits))
	case onnx.BFloat16:
		return math.Float32frombits(uint32(bits) << 16)
	case onnx.Float16:
		return fromHalf(uint16(bits))
	}
	return math.Float32frombits(uint32(bits))
}

// fromHalf is the float16 of the bits.
func fromHalf(b uint16) float32 {
	sign := uint32(b&0x8000) << 16
	exponent, fraction := uint32(b>>10&31), uint32(b&0x3ff)
	switch exponent {
	case 0:
		return float32(math.Copysign(math.Ldexp(float64(fraction), -24),
			float64(math.Float32frombits(sign|0x3f800000))))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
