package element

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// rounding says how floats become a type that does not hold them all.
type rounding struct {
	saturate bool   // 8-bit types: what is too large becomes the largest number, not infinity or NaN
	mode     string // float8e8m0: up, down or nearest
}

// format describes a float type by what float32 values it holds.
type format struct {
	fraction int     // bits of the fraction
	least    int     // exponent of the smallest normal number
	largest  float32 // largest finite number
	overflow float32 // what larger numbers become when they do not saturate; infinity where the type has one, else NaN
	infinity bool    // the type has infinities
	negative bool    // the type has a negative zero
}

// formats are the float types below float32 but float8e8m0 (IEEE 754; arXiv 2209.05433; arXiv 2206.02915; OCP
// microscaling formats 1.0).
var formats = map[onnx.DataType]format{
	onnx.Float16:        {10, -14, 65504, op.Inf32, true, true},
	onnx.BFloat16:       {7, -126, math.Float32frombits(0x7f7f0000), op.Inf32, true, true},
	onnx.Float8E4M3FN:   {3, -6, 448, op.Nan32, false, true},
	onnx.Float8E4M3FNUZ: {3, -7, 240, op.Nan32, false, false},
	onnx.Float8E5M2:     {2, -14, 57344, op.Inf32, true, true},
	onnx.Float8E5M2FNUZ: {2, -15, 57344, op.Nan32, false, false},
	onnx.Float4E2M1:     {1, 0, 6, 6, false, true},
}

// to returns the rounding to a float type: to nearest, ties to even.
func (r rounding) to(t onnx.DataType) func(float32) float32 {
	if t == onnx.Float8E8M0 {
		return func(v float32) float32 { return roundPower(v, r.mode, r.saturate) }
	}
	f, narrow := formats[t]
	if !narrow {
		return func(v float32) float32 { return v }
	}
	saturate := r.saturate && t.Size() <= 8
	return func(v float32) float32 { return f.round(v, saturate) }
}

// round returns the number of the format nearest to v.
func (f *format) round(v float32, saturate bool) float32 {
	size := math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
	if size != size {
		return v
	}
	q := f.nearest(size)
	switch {
	case q <= f.largest:
	case saturate:
		q = f.largest
	default:
		q = f.overflow
	}
	if q == 0 && !f.negative {
		return 0
	}
	return float32(math.Copysign(float64(q), float64(v)))
}

// nearest rounds a number that is not negative, as if exponents had no upper bound.
func (f *format) nearest(size float32) float32 {
	bits := math.Float32bits(size)
	if int(bits>>23)-127 < f.least {
		quantum := math.Ldexp(1, f.least-f.fraction)
		return float32(math.RoundToEven(float64(size)/quantum) * quantum)
	}
	cut := 23 - f.fraction
	bits += 1<<(cut-1) - 1 + bits>>cut&1
	return math.Float32frombits(bits >> cut << cut)
}

// roundPower returns a power of two near v (OCP microscaling formats 1.0, E8M0): the next above, below, or the
// nearest. The type has neither sign nor zero: v is taken by its size, and what is too small becomes 2^-127.
func roundPower(v float32, mode string, saturate bool) float32 {
	size := math.Abs(float64(v))
	if math.IsNaN(size) {
		return v
	}
	fraction, exponent := math.Frexp(size) // size = fraction·2^exponent, fraction in [1/2, 1)
	exponent--
	if mode == "up" && fraction > 0.5 || mode == "nearest" && fraction >= 0.75 {
		exponent++
	}
	switch {
	case size == 0 || exponent < -127:
		exponent = -127
	case math.IsInf(size, 0) || exponent > 127:
		if !saturate {
			return op.Nan32
		}
		exponent = 127
	}
	return float32(math.Ldexp(1, exponent))
}
