package onnx

import (
	"encoding/binary"
	"math"
	"slices"
)

// Floats appends the elements of a tensor of any float type to dst, float64
// rounded to the nearest float32, and returns the extended slice.
func (t Tensor) Floats(dst []float32) ([]float32, error) {
	raw, err := t.floatRaw()
	if err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, t.n)
	switch t.dtype {
	case Float32:
		for i := range t.n {
			dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	case Float64:
		for i := range t.n {
			dst = append(dst, float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))))
		}
	default:
		table := smallFloats[t.dtype].table()
		for i := range t.n {
			dst = append(dst, table[codeAt(raw, t.dtype.Size(), i)])
		}
	}
	return dst, nil
}

// Doubles appends the elements of a tensor of any float type to dst, exactly.
func (t Tensor) Doubles(dst []float64) ([]float64, error) {
	raw, err := t.floatRaw()
	if err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, t.n)
	switch t.dtype {
	case Float32:
		for i := range t.n {
			dst = append(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))))
		}
	case Float64:
		for i := range t.n {
			dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
		}
	default:
		table := smallFloats[t.dtype].table()
		for i := range t.n {
			dst = append(dst, float64(table[codeAt(raw, t.dtype.Size(), i)]))
		}
	}
	return dst, nil
}

func (t *Tensor) floatRaw() ([]byte, error) {
	if t.err == nil && !t.dtype.IsFloat() {
		return nil, t.wrongType("not of a float type")
	}
	return t.Raw()
}

// Ints appends the elements of a tensor of any integer type or of bool (0 or
// 1) to dst. A uint64 beyond the range of int64 is an error.
func (t Tensor) Ints(dst []int64) ([]int64, error) {
	if t.err == nil && !t.dtype.IsInteger() && t.dtype != Bool {
		return dst, t.wrongType("not of an integer type")
	}
	raw, err := t.Raw()
	if err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, t.n)
	bits, signed := t.dtype.Size(), t.dtype.class() == classInt
	for i := range t.n {
		v := codeAt(raw, bits, i)
		switch {
		case signed:
			shift := 64 - bits
			dst = append(dst, int64(v<<shift)>>shift)
		case v > math.MaxInt64:
			return dst, t.wrap(invalidf("element %d is %d, beyond int64", i, v))
		case t.dtype == Bool && v != 0:
			dst = append(dst, 1)
		default:
			dst = append(dst, int64(v))
		}
	}
	return dst, nil
}

// codeAt returns the bits of element i of raw, whose elements have the given
// width of 2, 4, 8, 16, 32 or 64 bits.
func codeAt(raw []byte, bits, i int) uint64 {
	switch bits {
	case 64:
		return binary.LittleEndian.Uint64(raw[8*i:])
	case 32:
		return uint64(binary.LittleEndian.Uint32(raw[4*i:]))
	case 16:
		return uint64(binary.LittleEndian.Uint16(raw[2*i:]))
	case 8:
		return uint64(raw[i])
	default:
		per := 8 / bits
		return uint64(raw[i/per]>>(i%per*bits)) & (1<<bits - 1)
	}
}
