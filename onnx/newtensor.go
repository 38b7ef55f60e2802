package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Element are the Go types that NewTensor has an ONNX type for.
type Element interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool | string
}

// NewTensor makes a TensorProto with the given values in row-major order and
// the ONNX type of T. A shape of another size than len(values) is an error.
func NewTensor[T Element](name string, shape []int, values []T) (*onnxpb.TensorProto, error) {
	if err := fitsShape(name, shape, len(values)); err != nil {
		return nil, err
	}
	var zero T
	dt := typeOf(zero)
	if dt == String {
		p := emptyTensor(name, dt, shape)
		for _, v := range values {
			p.StringData = append(p.StringData, []byte(any(v).(string)))
		}
		return p, nil
	}
	raw, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		return nil, err
	}
	p := emptyTensor(name, dt, shape)
	p.RawData = raw
	return p, nil
}

// NewFloatTensor makes a TensorProto of any float type, each value rounded to
// nearest, ties to even.
func NewFloatTensor(name string, dt DataType, shape []int, values []float64) (*onnxpb.TensorProto, error) {
	if !dt.IsFloat() {
		return nil, fmt.Errorf("tensor %q: %s is not a float type", name, dt)
	}
	if err := fitsShape(name, shape, len(values)); err != nil {
		return nil, err
	}
	p := emptyTensor(name, dt, shape)
	p.RawData = appendValues(nil, dt, values)
	return p, nil
}

func emptyTensor(name string, dt DataType, shape []int) *onnxpb.TensorProto {
	p := &onnxpb.TensorProto{DataType: proto.Int32(int32(dt))}
	if name != "" {
		p.Name = proto.String(name)
	}
	for _, d := range shape {
		p.Dims = append(p.Dims, int64(d))
	}
	return p
}

func fitsShape(name string, shape []int, n int) error {
	want := 1
	for _, d := range shape {
		if d < 0 || d > 0 && want > math.MaxInt/d {
			return fmt.Errorf("tensor %q: shape %v is not a shape", name, shape)
		}
		want *= d
	}
	if want != n {
		return fmt.Errorf("tensor %q: shape %v has %d elements, got %d values", name, shape, want, n)
	}
	return nil
}

// typeOf returns the ONNX type of a Go value.
func typeOf(v any) DataType {
	switch v.(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	default:
		return String
	}
}
