package expand

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// hiddenLate is what ONNX Runtime's attentions add to scores that causality hides.
const hiddenLate = -math.MaxFloat32

// expandMicrosoftAttention lowers com.microsoft Attention: inputs input [B,S,I], weights [I,Q+K+V], bias, mask_index,
// past [2,B,H,P,D] and attention_bias; outputs Y [B,S,V] and present.
func expandMicrosoftAttention(c *Call) error {
	s := newBuilder(c)
	if c.Int("do_rotary", 0) != 0 || c.Has(6) {
		return c.Unsupported("rotary embeddings and shared buffers are not supported in this form")
	}
	x, w := s.given(0), s.given(1)
	n := s.count("num_heads", 0)
	shape, sizes := s.shape(x, 3), s.qkvSizes(s.shape(w, 2)[1])
	all := s.op("MatMul", nil, x, w)
	if c.Has(2) {
		all = s.op("Add", nil, all, c.Values[2])
	}
	h := heads{scale: float64(c.Float("scale", 0))}
	from := 0
	for i, part := range []**ir.Value{&h.q, &h.k, &h.v} {
		*part = s.split(s.slice(all, 2, from, from+sizes[i], 1), n)
		from += sizes[i]
	}
	past := 0
	if c.Has(4) {
		old := s.shape(c.Values[4], 5)
		past = old[3]
		h.k = s.concat(2, s.half(c.Values[4], 0), h.k)
		h.v = s.concat(2, s.half(c.Values[4], 1), h.v)
	}
	s.bias(&h, 3, 5, shape[0], shape[1], past)
	y, _ := s.attend(h)
	outs := []*ir.Value{s.join(y)}
	if len(c.Node.GetOutput()) > 1 {
		first := intValue(0, 1)
		outs = append(outs, s.concat(0, s.op("Unsqueeze", nil, h.k, first), s.op("Unsqueeze", nil, h.v, first)))
	}
	return s.bind(outs...)
}

// qkvSizes are the widths of queries, keys and values: the attribute qkv_hidden_sizes, else a third each.
func (s *builder) qkvSizes(width int) [3]int {
	given := s.c.IntList("qkv_hidden_sizes", nil)
	if len(given) != 3 {
		return [3]int{width / 3, width / 3, width / 3}
	}
	var sizes [3]int
	for i, v := range given {
		if v < 1 || v > int64(width) {
			s.fail(s.c.ShapeError("qkv_hidden_sizes is %v of weights with %d columns", given, width))
			return sizes
		}
		sizes[i] = int(v)
	}
	return sizes
}

// half takes keys (0) or values (1) out of a past [2,B,H,P,D].
func (s *builder) half(past *ir.Value, i int) *ir.Value {
	return s.op("Gather", []*onnxpb.AttributeProto{axisAttribute(0)}, past, intValue(int64(i)))
}

// bias adds what the mask at input mask, the additive bias at input add and the attribute unidirectional ask for.
func (s *builder) bias(h *heads, mask, add, batch, steps, past int) {
	total := s.shape(h.k, 4)[2]
	if s.c.Has(mask) {
		h.biases = append(h.biases, s.maskIndex(h.q, s.c.Values[mask], batch, steps, total))
	}
	if s.c.Has(add) {
		h.biases = append(h.biases, s.c.Values[add])
	}
	if s.c.Int("unidirectional", 0) != 0 {
		h.biases = append(h.biases, s.causal(h.q, steps, total, past, hiddenLate))
	}
}

// maskIndex makes a bias of the forms of mask that ONNX Runtime has: [B] lengths, [2*B] ends and then beginnings,
// [3*B+2] lengths and then where packed sequences begin, which they do not here, [B,T] or [B,S,T] with 1 for what
// counts.
func (s *builder) maskIndex(like, mask *ir.Value, batch, steps, total int) *ir.Value {
	if s.err != nil {
		return nil
	}
	shape := mask.Spec.Shape
	hidden := float64(s.c.Float("mask_filter_value", -10000))
	var inside *ir.Value
	switch {
	case len(shape) == 1 && (shape[0] == batch || shape[0] == 2*batch || shape[0] == 3*batch+2):
		at := s.positions(mask, total, 1, total)
		inside = s.op("Less", nil, at, s.reshape(s.slice(mask, 0, 0, batch, 1), batch, 1))
		if shape[0] == 2*batch {
			begun := s.op("GreaterOrEqual", nil, at, s.reshape(s.slice(mask, 0, batch, 2*batch, 1), batch, 1))
			inside = s.op("And", nil, inside, begun)
		}
		inside = s.reshape(inside, batch, 1, 1, total)
	case len(shape) == 2 && shape[0] == batch && shape[1] == total:
		inside = s.reshape(s.toBool(mask), batch, 1, 1, total)
	case len(shape) == 3 && shape[0] == batch && shape[1] == steps && shape[2] == total:
		inside = s.reshape(s.toBool(mask), batch, 1, steps, total)
	default:
		s.fail(s.c.Unsupported("a mask of shape %v for %d samples, %d queries and %d keys", shape, batch, steps, total))
		return nil
	}
	return s.hide(like, inside, hidden)
}

func (s *builder) toBool(v *ir.Value) *ir.Value {
	return s.op("Cast", []*onnxpb.AttributeProto{intAttribute("to", int64(onnx.Bool))}, v)
}

// expandMultiHeadAttention lowers com.microsoft MultiHeadAttention: inputs query [B,S,Q], key, value, bias,
// key_padding_mask, attention_bias, past_key and past_value; outputs Y, present_key and present_value. Keys and values
// may come packed with the query [B,S,H,3,D], packed together [B,T,H,2,D], or taken apart [B,H,T,D].
func expandMultiHeadAttention(c *Call) error {
	s := newBuilder(c)
	if c.Has(8) || c.Has(9) || c.Outs > 3 {
		return c.Unsupported("shared buffers, beams and the scores as output are not supported")
	}
	n := s.count("num_heads", 0)
	h := heads{scale: float64(c.Float("scale", 0))}
	s.operands(&h, n)
	past := 0
	if c.Has(6) && c.Has(7) {
		past = s.shape(c.Values[6], 4)[2]
		h.k, h.v = s.concat(2, c.Values[6], h.k), s.concat(2, c.Values[7], h.v)
	}
	q := s.shape(h.q, 4)
	s.bias(&h, 4, 5, q[0], q[2], past)
	y, _ := s.attend(h)
	return s.bind(s.join(y), h.k, h.v)
}

// operands finds query, key and value in the inputs and adds their biases.
func (s *builder) operands(h *heads, n int) {
	query := s.given(0)
	switch {
	case s.err != nil:
	case len(query.Spec.Shape) == 5:
		h.q, h.k, h.v = s.packed(query, 0), s.packed(query, 1), s.packed(query, 2)
	case s.c.Has(1) && len(s.c.In[1].Shape) == 5:
		h.q, h.k, h.v = s.split(query, n), s.packed(s.c.Values[1], 0), s.packed(s.c.Values[1], 1)
	case s.c.Has(1) && len(s.c.In[1].Shape) == 4:
		h.q, h.k, h.v = s.split(query, n), s.given(1), s.given(2)
	default:
		h.q, h.k, h.v = s.split(query, n), s.split(s.given(1), n), s.split(s.given(2), n)
	}
	if !s.c.Has(3) {
		return
	}
	from := 0
	for _, part := range []**ir.Value{&h.q, &h.k, &h.v} {
		x := s.shape(*part, 4)
		b := s.slice(s.c.Values[3], 0, from, from+x[1]*x[3], 1)
		*part = s.op("Add", nil, *part, s.reshape(b, 1, x[1], 1, x[3]))
		from += x[1] * x[3]
	}
}

// packed takes part i of [B,S,H,parts,D] as [B,H,S,D].
func (s *builder) packed(v *ir.Value, i int) *ir.Value {
	part := s.op("Gather", []*onnxpb.AttributeProto{axisAttribute(3)}, v, intValue(int64(i)))
	return s.transpose(part, 0, 2, 1, 3)
}

// expandEmbedLayerNorm lowers com.microsoft EmbedLayerNormalization: inputs input_ids [B,S], segment_ids, the tables
// of words, positions and segments, gamma, beta, mask and position_ids; outputs Y, the number of ones in each mask,
// and the sum of embeddings.
func expandEmbedLayerNorm(c *Call) error {
	s := newBuilder(c)
	ids := s.given(0)
	shape := s.shape(ids, 2)
	sum := s.gather(s.given(2), ids)
	positions := s.positions(ids, shape[1], 1, shape[1])
	if c.Has(8) {
		positions = c.Values[8]
	}
	sum = s.op("Add", nil, sum, s.gather(s.given(3), positions))
	if c.Has(1) && c.Has(4) {
		sum = s.op("Add", nil, sum, s.gather(c.Values[4], c.Values[1]))
	}
	epsilon := floatAttribute("epsilon", c.Float("epsilon", 1e-12))
	y := s.op("LayerNormalization", []*onnxpb.AttributeProto{axisAttribute(-1), epsilon}, sum, s.given(5), s.given(6))
	counts := knownValue(op.NewTensor(op.Spec{Type: onnx.Int32, Shape: shape[:1]}))
	if c.Has(7) {
		counts = s.op("ReduceSum", []*onnxpb.AttributeProto{intAttribute("keepdims", 0)}, c.Values[7], intValue(1, 1))
	}
	return s.bind(y, counts, sum)
}
