package network

import "github.com/softmerge/softmerge/onnx/onnxpb"

// expandBiasAdd lowers com.microsoft BiasAdd: X + bias + skip.
func expandBiasAdd(c *site) error {
	s := newSketch(c)
	return s.bind(s.op("Add", nil, s.op("Add", nil, s.given(0), s.given(1)), s.given(2)))
}

// expandBiasSplitGelu lowers com.microsoft BiasSplitGelu: of X + bias, the first half along the last axis times the Gelu of the second.
func expandBiasSplitGelu(c *site) error {
	s := newSketch(c)
	x := s.shape(s.given(0), 3)
	sum := s.op("Add", nil, s.given(0), s.given(1))
	left, right := s.slice(sum, 2, 0, x[2]/2, 1), s.slice(sum, 2, x[2]/2, x[2], 1)
	return s.bind(s.op("Mul", nil, left, s.op("Gelu", nil, right)))
}

// channelsFirst and channelsLast move the channels of a tensor of a rank.
func (s *sketch) channelsFirst(v *value, rank int) *value {
	perm := []int64{0, int64(rank - 1)}
	for a := 1; a < rank-1; a++ {
		perm = append(perm, int64(a))
	}
	return s.transpose(v, perm...)
}

func (s *sketch) channelsLast(v *value, rank int) *value {
	perm := []int64{0}
	for a := 2; a < rank; a++ {
		perm = append(perm, int64(a))
	}
	return s.transpose(v, append(perm, 1)...)
}

// expandFusedGroupNorm lowers com.microsoft GroupNorm: inputs X, gamma and beta; channels lie last unless channels_last is 0.
func expandFusedGroupNorm(c *site) error {
	s := newSketch(c)
	return s.bind(s.groupNorm(s.given(0)))
}

// expandSkipGroupNorm lowers com.microsoft SkipGroupNorm: GroupNorm of X + skip + bias, inputs 3 and 4, and the sum.
func expandSkipGroupNorm(c *site) error {
	s := newSketch(c)
	x, skip := s.shape(s.given(0), 4), s.given(3)
	if s.err == nil && len(skip.spec.Shape) == 2 {
		skip = s.reshape(skip, x[0], 1, 1, x[3])
	}
	sum := s.op("Add", nil, s.given(0), skip)
	if c.has(4) {
		sum = s.op("Add", nil, sum, c.values[4])
	}
	return s.bind(s.groupNorm(sum), sum)
}

// groupNorm normalises by the node's inputs 1 and 2 and its attributes, with Swish behind where activation is 1.
func (s *sketch) groupNorm(x *value) *value {
	last := s.c.int("channels_last", 1) != 0
	rank := 4
	if last {
		s.shape(x, rank)
		x = s.channelsFirst(x, rank)
	}
	y := s.op("GroupNormalization", []*onnxpb.AttributeProto{
		intAttribute("num_groups", int64(s.count("groups", 0))), floatAttribute("epsilon", s.c.float("epsilon", 1e-5)),
	}, x, s.given(1), s.given(2))
	if s.c.int("activation", 0) == 1 {
		y = s.op("Swish", nil, y)
	}
	if last {
		y = s.channelsLast(y, rank)
	}
	return y
}

// expandChannelsLast lowers an operator of com.microsoft whose images have their channels last to the named one.
func expandChannelsLast(op string) expansion {
	return func(c *site) error {
		s := newSketch(c)
		x := s.given(0)
		if s.err != nil {
			return s.err
		}
		rank := len(x.spec.Shape)
		if rank < 3 {
			return c.shapeError("input 0 has shape %v, want spatial axes between batch and channels", x.spec.Shape)
		}
		in := append([]*value{s.channelsFirst(x, rank)}, valuesOf(c.values[1:])...)
		for i, v := range in {
			if v == absent {
				in[i] = nil
			}
		}
		if len(in) > 3 && in[3] != nil {
			in[3] = s.channelsFirst(in[3], rank)
		}
		return s.bind(s.channelsLast(s.op(op, c.node.GetAttribute(), in...), rank))
	}
}

// expandBatchMatMul lowers a FusedMatMul with transBatchA or transBatchB: that operand's first axis belongs behind its batch axes.
func expandBatchMatMul(c *site) error {
	s := newSketch(c)
	in := [2]*value{s.given(0), s.given(1)}
	for i, name := range []string{"transBatchA", "transBatchB"} {
		if s.err != nil || c.int(name, 0) == 0 {
			continue
		}
		rank := len(in[i].spec.Shape)
		if rank < 3 {
			return c.shapeError("%s of an input of shape %v, want batch axes", name, in[i].spec.Shape)
		}
		var perm []int64
		for a := 1; a < rank-1; a++ {
			perm = append(perm, int64(a))
		}
		in[i] = s.transpose(in[i], append(perm, 0, int64(rank-1))...)
	}
	y := s.op("com.microsoft.FusedMatMul", []*onnxpb.AttributeProto{
		intAttribute("transA", c.int("transA", 0)), intAttribute("transB", c.int("transB", 0)), floatAttribute("alpha", c.float("alpha", 1)),
	}, in[0], in[1])
	return s.bind(y)
}
