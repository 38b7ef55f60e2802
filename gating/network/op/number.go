package op

import (
	"math"

	"github.com/softmerge/softmerge/onnx"
)

// Sign is -1, 0 or 1, and NaN of NaN.
func Sign(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	case x == 0:
		return 0
	}
	return x
}

// Truth is a bool as bool tensors hold it.
func Truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// When is 1 or 0.
func When(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// Abs32 is |x|.
func Abs32(x float32) float32 { return float32(math.Abs(float64(x))) }

// Narrow rounds from into to.
func Narrow(to []float32, from []float64) {
	for i, v := range from {
		to[i] = float32(v)
	}
}

// Flipped is v with by added to every element: the lowest number of a type turns unsigned order into signed.
func Flipped(v []int64, by int64) []int64 {
	f := make([]int64, len(v))
	for i := range f {
		f[i] = v[i] + by
	}
	return f
}

// Comparable64 are the integers of a tensor as numbers that order as they do: unsigned ones of 64 bits are held as
// signed.
func Comparable64(t *Tensor) []int64 {
	if t.Type == onnx.Uint64 {
		return Flipped(t.I, -1<<63)
	}
	return t.I
}

// IntRange returns the least and greatest number of an integer type or bool, as int64 holds them.
func IntRange(t onnx.DataType) (low, high int64) {
	switch t {
	case onnx.Bool:
		return 0, 1
	case onnx.Int8:
		return math.MinInt8, math.MaxInt8
	case onnx.Uint8:
		return 0, math.MaxUint8
	case onnx.Int16:
		return math.MinInt16, math.MaxInt16
	case onnx.Uint16:
		return 0, math.MaxUint16
	case onnx.Int32:
		return math.MinInt32, math.MaxInt32
	case onnx.Uint32:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}

// WrapInt returns v as an integer of type t holds it: cut to its width, and 0 or 1 for bool.
func WrapInt(t onnx.DataType, v int64) int64 {
	switch t {
	case onnx.Bool:
		if v != 0 {
			return 1
		}
		return 0
	case onnx.Int8:
		return int64(int8(v))
	case onnx.Uint8:
		return int64(uint8(v))
	case onnx.Int16:
		return int64(int16(v))
	case onnx.Uint16:
		return int64(uint16(v))
	case onnx.Int32:
		return int64(int32(v))
	case onnx.Uint32:
		return int64(uint32(v))
	}
	return v
}

// SameNumber is equality under which NaN equals itself.
func SameNumber(a, b float32) bool { return a == b || a != a && b != b }

// The float32 numbers that are none.
var (
	Inf32 = float32(math.Inf(1))
	Nan32 = float32(math.NaN())
)
