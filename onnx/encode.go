package onnx

import (
	"encoding/binary"
	"math"
)

// appendValues appends values to dst in the raw form of a float type, each
// rounded once, to nearest, ties to even, or of one of the integer types that
// AddInitializer takes. 4-bit types start a new byte.
func appendValues(dst []byte, dt DataType, values []float64) []byte {
	switch dt {
	case Float32:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
		}
		return dst
	case Float64:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
		return dst
	case Int64:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(int64(v)))
		}
		return dst
	case Uint8, Bool:
		for _, v := range values {
			dst = append(dst, uint8(int64(v)))
		}
		return dst
	}
	return appendSmallFloats(dst, dt, values)
}

// appendSmallFloats is appendValues for floats of 16 bits and less.
func appendSmallFloats(dst []byte, dt DataType, values []float64) []byte {
	f := smallFloats[dt]
	switch dt.Size() {
	case 16:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint16(dst, f.encode(v))
		}
	case 8:
		for _, v := range values {
			dst = append(dst, byte(f.encode(v)))
		}
	default:
		for i, v := range values {
			if i%2 == 0 {
				dst = append(dst, byte(f.encode(v)))
			} else {
				dst[len(dst)-1] |= byte(f.encode(v)) << 4
			}
		}
	}
	return dst
}

// encode returns the code nearest to v, ties to even. Beyond the range IEEE
// formats give infinity; the 8-bit and 4-bit formats give their largest
// number, as ONNX's Cast does by default.
func (f *smallFloat) encode(v float64) uint16 {
	if f.unsigned {
		return f.encodePower(v)
	}
	var sign uint16
	if math.Signbit(v) {
		sign = 1 << (f.exp + f.man)
	}
	switch {
	case math.IsNaN(v):
		return f.nan(sign)
	case math.IsInf(v, 0):
		return f.overflow(sign)
	}
	code := f.magnitude(math.Abs(v))
	if code > f.largest() {
		return f.overflow(sign)
	}
	if code == 0 && f.kind == unsignedZ {
		return 0
	}
	return sign | code
}

// magnitude returns the code of a finite v >= 0, which may be beyond the
// largest: the exponent field is then simply too great. Rounding up carries
// from the fraction into the exponent by itself.
func (f *smallFloat) magnitude(v float64) uint16 {
	if v == 0 {
		return 0
	}
	_, e := math.Frexp(v)
	e = max(e-1, 1-f.bias) // the exponent, or that of subnormals
	if e+f.bias >= 1<<f.exp {
		return 1 << (f.exp + f.man)
	}
	steps := uint16(math.RoundToEven(math.Ldexp(v, f.man-e)))
	return uint16(e+f.bias-1)<<f.man + steps
}

func (f *smallFloat) nan(sign uint16) uint16 {
	switch f.kind {
	case ieee:
		return sign | f.infinity() | 1<<(f.man-1)
	case onlyNaN:
		return sign | (1<<(f.exp+f.man) - 1)
	case unsignedZ:
		return 1 << (f.exp + f.man)
	default:
		return f.largest()
	}
}

// overflow is what a number too great becomes.
func (f *smallFloat) overflow(sign uint16) uint16 {
	if f.kind == ieee && f.exp+f.man > 7 {
		return sign | f.infinity()
	}
	return sign | f.largest()
}

// encodePower returns the code of the power of two nearest to v; what is not
// positive becomes the least one, NaN stays NaN.
func (f *smallFloat) encodePower(v float64) uint16 {
	if math.IsNaN(v) {
		return 1<<f.exp - 1
	}
	if v <= 0 {
		return 0
	}
	frac, e := math.Frexp(v) // frac in [0.5, 1)
	if frac < 0.75 {
		e--
	}
	return uint16(min(max(e+f.bias, 0), 1<<f.exp-2))
}
