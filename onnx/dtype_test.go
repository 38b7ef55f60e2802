package onnx

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

func TestDataTypes(t *testing.T) {
	tests := []struct {
		dt             DataType
		name           string
		bits           int
		float, integer bool
	}{
		{Float32, "float32", 32, true, false},
		{BFloat16, "bfloat16", 16, true, false},
		{Float4E2M1, "float4e2m1", 4, true, false},
		{Float8E8M0, "float8e8m0", 8, true, false},
		{Int2, "int2", 2, false, true},
		{Uint64, "uint64", 64, false, true},
		{Bool, "bool", 8, false, false},
		{String, "string", 0, false, false},
		{Complex128, "complex128", 128, false, false},
		{Undefined, "undefined", 0, false, false},
		{99, "type 99", 0, false, false},
		{-1, "type -1", 0, false, false},
	}
	for _, test := range tests {
		got := test
		got.name, got.bits, got.float, got.integer = test.dt.String(), test.dt.Size(), test.dt.IsFloat(),
			test.dt.IsInteger()
		if got != test {
			t.Errorf("got %+v, want %+v", got, test)
		}
	}
}

// Every type of the schema has a description, and no other number is known.
func TestDataTypesAreComplete(t *testing.T) {
	for n, name := range onnxpb.TensorProto_DataType_name {
		if dt := DataType(n); dt != Undefined && (!dt.Known() || dt.class() == classNone) {
			t.Errorf("type %s is not described", name)
		}
	}
	if DataType(len(onnxpb.TensorProto_DataType_name)).Known() {
		t.Error("a type beyond the schema is known")
	}
}

func TestPackedBytes(t *testing.T) {
	tests := []struct {
		dt    DataType
		n     int
		bytes int
		ok    bool
	}{
		{Float32, 3, 12, true},
		{Int4, 0, 0, true},
		{Int4, 1, 1, true},
		{Int4, 4, 2, true},
		{Uint2, 5, 2, true},
		{Uint2, math.MaxInt, math.MaxInt/4 + 1, true},
		{String, 7, 0, true},
		{Float64, math.MaxInt, 0, false},
		{Complex128, math.MaxInt / 8, 0, false},
		{Float32, math.MaxInt/2 + 1, 0, false},
	}
	for _, test := range tests {
		n, ok := test.dt.packedBytes(test.n)
		if ok != test.ok || ok && n != test.bytes {
			t.Errorf("%d of %s: got %d, %v, want %d, %v", test.n, test.dt, n, ok, test.bytes, test.ok)
		}
	}
}
