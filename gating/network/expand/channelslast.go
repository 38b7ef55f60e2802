package expand

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// expandBiasAdd lowers com.microsoft BiasAdd: X + bias + skip.
func expandBiasAdd(c *Call) error {
	s := newBuilder(c)
	return s.bind(s.op("Add", nil, s.op("Add", nil, s.given(0), s.given(1)), s.given(2)))
}

// expandBiasSplitGelu lowers com.microsoft BiasSplitGelu: of X + bias, the first half along the last axis times the
// Gelu of the second.
func expandBiasSplitGelu(c *Call) error {
	s := newBuilder(c)
	x := s.shape(s.given(0), 3)
	sum := s.op("Add", nil, s.given(0), s.given(1))
	left, right := s.slice(sum, 2, 0, x[2]/2, 1), s.slice(sum, 2, x[2]/2, x[2], 1)
	return s.bind(s.op("Mul", nil, left, s.op("Gelu", nil, right)))
}

// channelsFirst and channelsLast move the channels of a tensor of a rank.
func (s *builder) channelsFirst(v *ir.Value, rank int) *ir.Value {
	perm := []int64{0, int64(rank - 1)}
	for a := 1; a < rank-1; a++ {
		perm = append(perm, int64(a))
	}
	return s.transpose(v, perm...)
}

func (s *builder) channelsLast(v *ir.Value, rank int) *ir.Value {
	perm := []int64{0}
	for a := 2; a < rank; a++ {
		perm = append(perm, int64(a))
	}
	return s.transpose(v, append(perm, 1)...)
}

// expandFusedGroupNorm lowers com.microsoft GroupNorm: inputs X, gamma and beta; channels lie last unless channels_last
// is 0.
func expandFusedGroupNorm(c *Call) error {
	s := newBuilder(c)
	return s.bind(s.groupNorm(s.given(0)))
}

// expandSkipGroupNorm lowers com.microsoft SkipGroupNorm: GroupNorm of X + skip + bias, inputs 3 and 4, and the sum.
func expandSkipGroupNorm(c *Call) error {
	s := newBuilder(c)
	x, skip := s.shape(s.given(0), 4), s.given(3)
	if s.err == nil && len(skip.Spec.Shape) == 2 {
		skip = s.reshape(skip, x[0], 1, 1, x[3])
	}
	sum := s.op("Add", nil, s.given(0), skip)
	if c.Has(4) {
		sum = s.op("Add", nil, sum, c.Values[4])
	}
	return s.bind(s.groupNorm(sum), sum)
}

// groupNorm normalises by the node's inputs 1 and 2 and its attributes, with Swish behind where activation is 1.
func (s *builder) groupNorm(x *ir.Value) *ir.Value {
	last := s.c.Int("channels_last", 1) != 0
	rank := 4
	if last {
		s.shape(x, rank)
		x = s.channelsFirst(x, rank)
	}
	y := s.op("GroupNormalization", []*onnxpb.AttributeProto{
		intAttribute("num_groups", int64(s.count("groups", 0))), floatAttribute("epsilon", s.c.Float("epsilon", 1e-5)),
	}, x, s.given(1), s.given(2))
	if s.c.Int("activation", 0) == 1 {
		y = s.op("Swish", nil, y)
	}
	if last {
		y = s.channelsLast(y, rank)
	}
	return y
}

// expandChannelsLast lowers an operator of com.microsoft whose images have their channels last to the named one.
func expandChannelsLast(op string) Expansion {
	return func(c *Call) error {
		s := newBuilder(c)
		x := s.given(0)
		if s.err != nil {
			return s.err
		}
		rank := len(x.Spec.Shape)
		if rank < 3 {
			return c.ShapeError("input 0 has shape %v, want spatial axes between batch and channels", x.Spec.Shape)
		}
		in := append([]*ir.Value{s.channelsFirst(x, rank)}, valuesOf(c.Values[1:])...)
		for i, v := range in {
			if v == ir.Absent {
				in[i] = nil
			}
		}
		if len(in) > 3 && in[3] != nil {
			in[3] = s.channelsFirst(in[3], rank)
		}
		return s.bind(s.channelsLast(s.op(op, c.Node.GetAttribute(), in...), rank))
	}
}

// expandBatchMatMul lowers a FusedMatMul with transBatchA or transBatchB: that operand's first axis belongs behind its
// batch axes.
func expandBatchMatMul(c *Call) error {
	s := newBuilder(c)
	in := [2]*ir.Value{s.given(0), s.given(1)}
	for i, name := range []string{"transBatchA", "transBatchB"} {
		if s.err != nil || c.Int(name, 0) == 0 {
			continue
		}
		rank := len(in[i].Spec.Shape)
		if rank < 3 {
			return c.ShapeError("%s of an input of shape %v, want batch axes", name, in[i].Spec.Shape)
		}
		var perm []int64
		for a := 1; a < rank-1; a++ {
			perm = append(perm, int64(a))
		}
		in[i] = s.transpose(in[i], append(perm, 0, int64(rank-1))...)
	}
	y := s.op("com.microsoft.FusedMatMul", []*onnxpb.AttributeProto{
		intAttribute("transA", c.Int("transA", 0)), intAttribute("transB", c.Int("transB", 0)),
		floatAttribute("alpha", c.Float("alpha", 1)),
	}, in[0], in[1])
	return s.bind(y)
}
