package network

import (
	"math"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// sketch writes the operators that one node stands for. After an error its
// methods do nothing and return nil.
type sketch struct {
	c   *site
	err error
}

func newSketch(c *site) *sketch { return &sketch{c: c} }

// op adds an operator of ONNX, or with a name like "com.microsoft.FusedMatMul" another's, and returns its output.
func (s *sketch) op(name string, attrs []*onnxpb.AttributeProto, in ...*value) *value {
	if s.err != nil {
		return nil
	}
	var v *value
	v, s.err = s.c.lower.Emit(name, attrs, in...)
	return v
}

// fail notes an error, unless there is one already.
func (s *sketch) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// shape returns a value's shape; of rank axes of length 1 after an error.
func (s *sketch) shape(v *value, rank int) []int {
	if s.err == nil && len(v.spec.Shape) != rank {
		s.fail(s.c.shapeError("a tensor has shape %v, want %d axes", v.spec.Shape, rank))
	}
	if s.err != nil {
		ones := make([]int, rank)
		for i := range ones {
			ones[i] = 1
		}
		return ones
	}
	return v.spec.Shape
}

func (s *sketch) reshape(v *value, dims ...int) *value {
	list := each(dims, func(d int) int64 { return int64(d) })
	shape := knownValue(int64Tensor([]int{len(list)}, list...))
	return s.op("Reshape", []*onnxpb.AttributeProto{intAttribute("allowzero", 1)}, v, shape)
}

func (s *sketch) transpose(v *value, perm ...int64) *value {
	return s.op("Transpose", []*onnxpb.AttributeProto{intsAttribute("perm", perm...)}, v)
}

// slice takes every step-th element from from to before to along an axis.
func (s *sketch) slice(v *value, axis, from, to, step int) *value {
	bounds := [4]*value{intValue(int64(from), 1), intValue(int64(to), 1), intValue(int64(axis), 1), intValue(int64(step), 1)}
	return s.op("Slice", nil, append([]*value{v}, bounds[:]...)...)
}

func (s *sketch) concat(axis int64, in ...*value) *value {
	if len(in) == 1 {
		return in[0]
	}
	return s.op("Concat", []*onnxpb.AttributeProto{axisAttribute(axis)}, in...)
}

// product is alpha times the matrix products of a and b, b transposed where the flag says so.
func (s *sketch) product(a, b *value, transB int64, alpha float64) *value {
	return s.op("com.microsoft.FusedMatMul", []*onnxpb.AttributeProto{
		intAttribute("transB", transB), floatAttribute("alpha", float32(alpha)),
	}, a, b)
}

// number is a scalar of the type of v.
func (s *sketch) number(v *value, x float64) *value {
	t := onnx.Float32
	if s.err == nil {
		if t = v.spec.Type; !t.IsFloat() {
			s.fail(s.c.shapeError("an operand is %s, want floats", v.spec))
			return nil
		}
	}
	return knownValue(&Tensor{Type: t, Shape: []int{}, F: []float32{float32(x)}})
}

// given returns input i, which must be there.
func (s *sketch) given(i int) *value {
	if !s.c.has(i) {
		s.fail(s.c.shapeError("input %d is missing", i))
		return nil
	}
	return s.c.values[i]
}

// count reads an attribute that counts heads or channels; def where it is not there or 0.
func (s *sketch) count(name string, def int) int {
	n := s.c.int(name, 0)
	if n == 0 {
		return def
	}
	if n < 0 || n > math.MaxInt32 {
		s.fail(s.c.shapeError("%s is %d", name, n))
		return 1
	}
	return int(n)
}

func intAttribute(name string, v int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(v)}
}

func intsAttribute(name string, v ...int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: v}
}

func floatAttribute(name string, v float32) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(v)}
}

// axisAttribute is the attribute axis.
func axisAttribute(axis int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String("axis"), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(axis)}
}
