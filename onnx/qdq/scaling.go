package qdq

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// scaling is how a node maps between integers and floats: by one scale and zero point, by one for each index of an
// axis, or by one for each block along it.
type scaling struct {
	scale, zero         []float64
	axis, inner, blocks int           // length of the axis, and of what lies inside it; scales along it where blocked
	block               int           // indices of the axis that share a scale; 0 where all do
	from, to            onnx.DataType // the integers' type where a zero point tells it; the floats'
}

// scaling reads a node's scale and zero point for a tensor of a shape; nil for an activation, whose shape nobody knows.
func (r *rewriter) scaling(n *onnxpb.NodeProto, shape []int) (*scaling, error) {
	in, attributes := n.GetInput(), onnx.NodeAttributes(n)
	given := r.tensors[in[1]]
	if given == nil {
		return nil, refusef("its scale %q is computed", in[1])
	}
	scale := r.model.Tensor(given)
	s := &scaling{to: scale.DataType(), from: onnx.Uint8}
	var err error
	if s.scale, err = scale.Doubles(nil); err != nil {
		return nil, err
	}
	if to := onnx.DataType(attributes.Int("output_dtype", 0)); to != onnx.Undefined {
		s.from, s.to = to, to
	}
	if isQuantise(n) {
		s.to = scale.DataType()
	}
	s.zero = make([]float64, len(s.scale))
	if len(in) > 2 && in[2] != "" {
		if err := r.zeroPoints(s, in[2]); err != nil {
			return nil, err
		}
	}
	return s, s.place(scale.Shape(), shape, attributes)
}

// zeroPoints reads input 2.
func (r *rewriter) zeroPoints(s *scaling, name string) error {
	given := r.tensors[name]
	if given == nil {
		return refusef("its zero point %q is computed", name)
	}
	zero := r.model.Tensor(given)
	s.from = zero.DataType()
	if zero.Len() != len(s.scale) {
		return refusef("it has %d scales and %d zero points", len(s.scale), zero.Len())
	}
	if s.from.IsFloat() {
		var err error
		s.zero, err = zero.Doubles(nil)
		return err
	}
	whole, err := zero.Ints(nil)
	for i, v := range whole {
		s.zero[i] = float64(v)
	}
	return err
}

// place finds which scale belongs to which element.
func (s *scaling) place(scales, shape []int, attributes *onnx.Attributes) error {
	if shape == nil || len(s.scale) == 1 && len(scales) < 2 {
		return nil
	}
	axis := int(attributes.Int("axis", 1))
	if axis < 0 {
		axis += len(shape)
	}
	if axis < 0 || axis >= len(shape) {
		return refusef("its axis %d is none of shape %v", axis, shape)
	}
	s.axis, s.inner, s.block = shape[axis], 1, 1
	for _, d := range shape[axis+1:] {
		s.inner *= d
	}
	want := []int{s.axis}
	if b := int(attributes.Int("block_size", 0)); b > 0 {
		s.block, s.blocks = b, (s.axis+b-1)/b
		want = slices.Clone(shape)
		want[axis] = s.blocks
	}
	if !slices.Equal(scales, want) {
		return refusef("its scales have shape %v, want %v", scales, want)
	}
	return nil
}

// index is the scale of element e.
func (s *scaling) index(e int) int {
	switch at := 0; {
	case s.block == 0:
		return 0
	case s.blocks > 0:
		at = e / s.inner % s.axis / s.block
		return (e/s.inner/s.axis*s.blocks+at)*s.inner + e%s.inner
	default:
		return e / s.inner % s.axis
	}
}

// dequantised is (x - zero) scale, computed in float32 as runtimes do.
func (s *scaling) dequantised(x []float64) []float64 {
	for e := range x {
		i := s.index(e)
		x[e] = float64(float32(x[e]-s.zero[i]) * float32(s.scale[i]))
	}
	return x
}

// quantised is saturate(round(x / scale) + zero).
func (s *scaling) quantised(x []float64) ([]float64, error) {
	low, high, err := s.limits()
	for e := range x {
		i := s.index(e)
		v := math.RoundToEven(float64(float32(x[e])/float32(s.scale[i]))) + s.zero[i]
		x[e] = max(low, min(high, v))
	}
	return x, err
}

// limits are the least and the greatest integer.
func (s *scaling) limits() (low, high float64, err error) {
	if !s.from.IsInteger() || s.from.Size() > 16 {
		return 0, 0, refusef("it quantises to %s", s.from)
	}
	size := math.Ldexp(1, s.from.Size())
	switch s.from {
	case onnx.Uint8, onnx.Uint16, onnx.Uint4, onnx.Uint2:
		return 0, size - 1, nil
	}
	return -size / 2, size/2 - 1, nil
}

// span is the range of floats that the integers represent, of one scale for all.
func (s *scaling) span() (low, high float64, err error) {
	if len(s.scale) != 1 {
		return 0, 0, refusef("it quantises activations by %d scales", len(s.scale))
	}
	if low, high, err = s.limits(); err != nil {
		return 0, 0, err
	}
	ends := s.dequantised([]float64{low, high})
	return min(ends[0], ends[1]), max(ends[0], ends[1]), nil
}
