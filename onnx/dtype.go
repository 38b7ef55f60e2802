package onnx

import (
	"fmt"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// DataType is the element type of a tensor: a value of TensorProto.DataType.
type DataType int32

// The element types of ONNX, IR version 13.
const (
	Undefined      = DataType(onnxpb.TensorProto_UNDEFINED)
	Float32        = DataType(onnxpb.TensorProto_FLOAT)
	Uint8          = DataType(onnxpb.TensorProto_UINT8)
	Int8           = DataType(onnxpb.TensorProto_INT8)
	Uint16         = DataType(onnxpb.TensorProto_UINT16)
	Int16          = DataType(onnxpb.TensorProto_INT16)
	Int32          = DataType(onnxpb.TensorProto_INT32)
	Int64          = DataType(onnxpb.TensorProto_INT64)
	String         = DataType(onnxpb.TensorProto_STRING)
	Bool           = DataType(onnxpb.TensorProto_BOOL)
	Float16        = DataType(onnxpb.TensorProto_FLOAT16)
	Float64        = DataType(onnxpb.TensorProto_DOUBLE)
	Uint32         = DataType(onnxpb.TensorProto_UINT32)
	Uint64         = DataType(onnxpb.TensorProto_UINT64)
	Complex64      = DataType(onnxpb.TensorProto_COMPLEX64)
	Complex128     = DataType(onnxpb.TensorProto_COMPLEX128)
	BFloat16       = DataType(onnxpb.TensorProto_BFLOAT16)
	Float8E4M3FN   = DataType(onnxpb.TensorProto_FLOAT8E4M3FN)
	Float8E4M3FNUZ = DataType(onnxpb.TensorProto_FLOAT8E4M3FNUZ)
	Float8E5M2     = DataType(onnxpb.TensorProto_FLOAT8E5M2)
	Float8E5M2FNUZ = DataType(onnxpb.TensorProto_FLOAT8E5M2FNUZ)
	Uint4          = DataType(onnxpb.TensorProto_UINT4)
	Int4           = DataType(onnxpb.TensorProto_INT4)
	Float4E2M1     = DataType(onnxpb.TensorProto_FLOAT4E2M1)
	Float8E8M0     = DataType(onnxpb.TensorProto_FLOAT8E8M0)
	Uint2          = DataType(onnxpb.TensorProto_UINT2)
	Int2           = DataType(onnxpb.TensorProto_INT2)
)

// class says how the bits of an element are to be understood.
type class uint8

const (
	classNone class = iota
	classFloat
	classInt
	classUint
	classBool
	classString
	classComplex
)

// dtypes describes every type; the index is the DataType.
var dtypes = [...]struct {
	name  string
	bits  int
	class class
}{
	Undefined:      {"undefined", 0, classNone},
	Float32:        {"float32", 32, classFloat},
	Uint8:          {"uint8", 8, classUint},
	Int8:           {"int8", 8, classInt},
	Uint16:         {"uint16", 16, classUint},
	Int16:          {"int16", 16, classInt},
	Int32:          {"int32", 32, classInt},
	Int64:          {"int64", 64, classInt},
	String:         {"string", 0, classString},
	Bool:           {"bool", 8, classBool},
	Float16:        {"float16", 16, classFloat},
	Float64:        {"float64", 64, classFloat},
	Uint32:         {"uint32", 32, classUint},
	Uint64:         {"uint64", 64, classUint},
	Complex64:      {"complex64", 64, classComplex},
	Complex128:     {"complex128", 128, classComplex},
	BFloat16:       {"bfloat16", 16, classFloat},
	Float8E4M3FN:   {"float8e4m3fn", 8, classFloat},
	Float8E4M3FNUZ: {"float8e4m3fnuz", 8, classFloat},
	Float8E5M2:     {"float8e5m2", 8, classFloat},
	Float8E5M2FNUZ: {"float8e5m2fnuz", 8, classFloat},
	Uint4:          {"uint4", 4, classUint},
	Int4:           {"int4", 4, classInt},
	Float4E2M1:     {"float4e2m1", 4, classFloat},
	Float8E8M0:     {"float8e8m0", 8, classFloat},
	Uint2:          {"uint2", 2, classUint},
	Int2:           {"int2", 2, classInt},
}

// Known says whether t is a type of the format, Undefined excepted.
func (t DataType) Known() bool { return t > Undefined && int(t) < len(dtypes) }

// String returns the lower-case name: "float32", "bfloat16", "int4", "bool".
func (t DataType) String() string {
	if t < 0 || int(t) >= len(dtypes) {
		return fmt.Sprintf("type %d", int32(t))
	}
	return dtypes[t].name
}

// IsFloat says whether elements are real floating-point numbers of any width.
func (t DataType) IsFloat() bool { return t.class() == classFloat }

// IsInteger says whether elements are signed or unsigned integers of any
// width; bool is not an integer.
func (t DataType) IsInteger() bool { return t.class() == classInt || t.class() == classUint }

// Size returns the bits of one element, 0 for strings and unknown types.
func (t DataType) Size() int {
	if !t.Known() {
		return 0
	}
	return dtypes[t].bits
}

func (t DataType) class() class {
	if !t.Known() {
		return classNone
	}
	return dtypes[t].class
}

// packedBytes returns how many bytes n elements take in raw data; types
// narrower than a byte are packed and the last byte padded. It reports false
// when the product does not fit an int.
func (t DataType) packedBytes(n int) (int, bool) {
	bits := t.Size()
	if bits >= 8 {
		size := n * (bits / 8)
		return size, size/(bits/8) == n && size >= 0
	}
	if bits == 0 {
		return 0, true
	}
	per := 8 / bits
	return n/per + (n%per+per-1)/per, true
}
