package op

import (
	"fmt"

	"github.com/softmerge/softmerge/onnx"
)

// Tensor is a dense row-major array. Elements of every float type are held in F
// as float32; elements of every integer type and of bool (0 or 1) in I as int64.
type Tensor struct {
	Type  onnx.DataType
	Shape []int
	F     []float32
	I     []int64
}

// Spec is what is known of a tensor before its elements are.
type Spec struct {
	Type  onnx.DataType
	Shape []int
}

// NewTensor returns a zeroed tensor of the type and shape of s.
func NewTensor(s Spec) *Tensor {
	t := &Tensor{Type: s.Type, Shape: s.Shape}
	if s.IsFloat() {
		t.F = make([]float32, s.Len())
	} else {
		t.I = make([]int64, s.Len())
	}
	return t
}

// Spec returns the type and shape of t.
func (t *Tensor) Spec() Spec { return Spec{t.Type, t.Shape} }

// Len returns the number of elements of t.
func (t *Tensor) Len() int { return SizeOf(t.Shape) }

// Reshaped returns a tensor of another type or shape over the elements of t.
func (t *Tensor) Reshaped(s Spec) *Tensor { return &Tensor{s.Type, s.Shape, t.F, t.I} }

// IsFloat says whether the elements are held as float32.
func (s Spec) IsFloat() bool { return s.Type.IsFloat() }

// Len returns the number of elements of a tensor of this shape.
func (s Spec) Len() int { return SizeOf(s.Shape) }

// String returns the spec as "float32[2 3]".
func (s Spec) String() string { return fmt.Sprintf("%s%v", s.Type, s.Shape) }

// SizeOf returns the number of elements of a tensor of the shape, 1 for a scalar.
func SizeOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// StridesOf returns the row-major strides of the shape, in elements.
func StridesOf(shape []int) []int {
	strides := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= shape[i]
	}
	return strides
}

// Shape0 returns the length of axis 0, 1 for a scalar.
func (s Spec) Shape0() int {
	if len(s.Shape) == 0 {
		return 1
	}
	return s.Shape[0]
}
