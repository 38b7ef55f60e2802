package expand

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// builder writes the operators that one node stands for. After an error its
// methods do nothing and return nil.
type builder struct {
	c   *Call
	err error
}

func newBuilder(c *Call) *builder { return &builder{c: c} }

// op adds an operator of ONNX, or with a name like "com.microsoft.FusedMatMul" another's, and returns its output.
func (s *builder) op(name string, attrs []*onnxpb.AttributeProto, in ...*ir.Value) *ir.Value {
	if s.err != nil {
		return nil
	}
	var v *ir.Value
	v, s.err = s.c.Lower.Emit(name, attrs, in...)
	return v
}

// fail notes an error, unless there is one already.
func (s *builder) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// shape returns a value's shape; of rank axes of length 1 after an error.
func (s *builder) shape(v *ir.Value, rank int) []int {
	if s.err == nil && len(v.Spec.Shape) != rank {
		s.fail(s.c.ShapeError("a tensor has shape %v, want %d axes", v.Spec.Shape, rank))
	}
	if s.err != nil {
		ones := make([]int, rank)
		for i := range ones {
			ones[i] = 1
		}
		return ones
	}
	return v.Spec.Shape
}

func (s *builder) reshape(v *ir.Value, dims ...int) *ir.Value {
	list := each(dims, func(d int) int64 { return int64(d) })
	shape := knownValue(int64Tensor([]int{len(list)}, list...))
	return s.op("Reshape", []*onnxpb.AttributeProto{intAttribute("allowzero", 1)}, v, shape)
}

func (s *builder) transpose(v *ir.Value, perm ...int64) *ir.Value {
	return s.op("Transpose", []*onnxpb.AttributeProto{intsAttribute("perm", perm...)}, v)
}

// slice takes every step-th element from from to before to along an axis.
func (s *builder) slice(v *ir.Value, axis, from, to, step int) *ir.Value {
	bounds := [4]*ir.Value{intValue(int64(from), 1), intValue(int64(to), 1),
		intValue(int64(axis), 1), intValue(int64(step), 1)}
	return s.op("Slice", nil, append([]*ir.Value{v}, bounds[:]...)...)
}

func (s *builder) concat(axis int64, in ...*ir.Value) *ir.Value {
	if len(in) == 1 {
		return in[0]
	}
	return s.op("Concat", []*onnxpb.AttributeProto{axisAttribute(axis)}, in...)
}

// product is alpha times the matrix products of a and b, b transposed where the flag says so.
func (s *builder) product(a, b *ir.Value, transB int64, alpha float64) *ir.Value {
	return s.op("com.microsoft.FusedMatMul", []*onnxpb.AttributeProto{
		intAttribute("transB", transB), floatAttribute("alpha", float32(alpha)),
	}, a, b)
}

// number is a scalar of the type of v.
func (s *builder) number(v *ir.Value, x float64) *ir.Value {
	t := onnx.Float32
	if s.err == nil {
		if t = v.Spec.Type; !t.IsFloat() {
			s.fail(s.c.ShapeError("an operand is %s, want floats", v.Spec))
			return nil
		}
	}
	return knownValue(&op.Tensor{Type: t, Shape: []int{}, F: []float32{float32(x)}})
}

// given returns input i, which must be there.
func (s *builder) given(i int) *ir.Value {
	if !s.c.Has(i) {
		s.fail(s.c.ShapeError("input %d is missing", i))
		return nil
	}
	return s.c.Values[i]
}

// count reads an attribute that counts heads or channels; def where it is not there or 0.
func (s *builder) count(name string, def int) int {
	n := s.c.Int(name, 0)
	if n == 0 {
		return def
	}
	if n < 0 || n > math.MaxInt32 {
		s.fail(s.c.ShapeError("%s is %d", name, n))
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
	return &onnxpb.AttributeProto{Name: proto.String(name),
		Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(v)}
}

// axisAttribute is the attribute axis.
func axisAttribute(axis int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String("axis"),
		Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(axis)}
}
