package expand

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// heads are the operands of an attention: queries [B,H,S,D], keys [B,K,T,D] and values [B,K,T,V], where the number
// of query heads H is a multiple of the number of key heads K. biases are added to the scores [B,H,S,T].
type heads struct {
	q, k, v *ir.Value
	biases  []*ir.Value
	scale   float64
	softcap float64
	sink    *ir.Value // a score that takes its share of the softmax and has no value: a scalar or [1,H,1,1]
}

// Which intermediate result Attention's last output is (qk_matmul_output_mode).
const (
	rawScores = iota
	cappedScores
	biasedScores
	weights
)

// attend computes softmax(scale q k^T + biases) v, [B,H,S,V], and the intermediate results.
func (s *builder) attend(h heads) (y *ir.Value, stages [4]*ir.Value) {
	q, k := s.shape(h.q, 4), s.shape(h.k, 4)
	batch, nq, steps, size := q[0], q[1], q[2], q[3]
	nk, total, width := k[1], k[2], s.shape(h.v, 4)[3]
	if nk == 0 || nq%nk != 0 {
		s.fail(s.c.ShapeError("%d query heads and %d key heads, want a multiple", nq, nk))
		return nil, stages
	}
	if h.scale == 0 {
		h.scale = 1 / math.Sqrt(float64(size))
	}
	// Query heads that share a key head are rows of one product.
	rows := nq / nk * steps
	scores := s.product(s.reshape(h.q, batch, nk, rows, size), h.k, 1, h.scale)
	scores = s.reshape(scores, batch, nq, steps, total)
	stages[rawScores] = scores
	if h.softcap > 0 {
		scores = s.op("Tanh", nil, s.op("Div", nil, scores, s.number(scores, h.softcap)))
		scores = s.op("Mul", nil, scores, s.number(scores, h.softcap))
	}
	stages[cappedScores] = scores
	for _, b := range h.biases {
		scores = s.op("Add", nil, scores, b)
	}
	stages[biasedScores] = scores
	if h.sink != nil {
		sink := s.op("Expand", nil, h.sink, knownValue(int64Tensor([]int{4}, int64(batch), int64(nq), int64(steps), 1)))
		scores = s.concat(3, scores, sink)
	}
	scores = s.op("Softmax", []*onnxpb.AttributeProto{axisAttribute(-1)}, scores)
	if h.sink != nil {
		scores = s.slice(scores, 3, 0, total, 1)
	}
	stages[weights] = scores
	y = s.product(s.reshape(scores, batch, nk, rows, total), h.v, 0, 1)
	return s.reshape(y, batch, nq, steps, width), stages
}

// split makes [B,H,S,D] of [B,S,H*D].
func (s *builder) split(v *ir.Value, n int) *ir.Value {
	x := s.shape(v, 3)
	if n < 1 || x[2]%n != 0 {
		s.fail(s.c.ShapeError("a tensor of shape %v does not split into %d heads", x, n))
		return nil
	}
	return s.transpose(s.reshape(v, x[0], x[1], n, x[2]/n), 0, 2, 1, 3)
}

// join makes [B,S,H*D] of [B,H,S,D].
func (s *builder) join(v *ir.Value) *ir.Value {
	x := s.shape(v, 4)
	return s.reshape(s.transpose(v, 0, 2, 1, 3), x[0], x[2], x[1]*x[3])
}

// causal is the bias [S,T] that hides the keys behind query i + offset.
func (s *builder) causal(like *ir.Value, steps, total, offset int, hidden float64) *ir.Value {
	if s.err != nil {
		return nil
	}
	if !like.Spec.IsFloat() {
		s.fail(s.c.ShapeError("queries are %s, want floats", like.Spec))
		return nil
	}
	t, err := s.c.NewConstant(op.Spec{Type: like.Spec.Type, Shape: []int{steps, total}})
	if err != nil {
		s.fail(err)
		return nil
	}
	for i := range steps {
		for j := min(total, max(0, i+offset+1)); j < total; j++ {
			t.F[i*total+j] = float32(hidden)
		}
	}
	return knownValue(t)
}

// hide is the bias that is 0 where a condition holds and hidden elsewhere.
func (s *builder) hide(like, condition *ir.Value, hidden float64) *ir.Value {
	return s.op("Where", nil, condition, s.number(like, 0), s.number(like, hidden))
}

// positions are the integers from 0 to n-1 in the type of like, of a shape.
func (s *builder) positions(like *ir.Value, n int, shape ...int) *ir.Value {
	t := &op.Tensor{Type: onnx.Int64, Shape: shape}
	for i := range n {
		t.I = append(t.I, int64(i))
	}
	if s.err == nil {
		if t.Type = like.Spec.Type; t.Type.IsFloat() {
			s.fail(s.c.ShapeError("positions or lengths are %s, want integers", like.Spec))
			return nil
		}
	}
	return knownValue(t)
}

// expandAttention lowers Attention of opset 23 and 24: inputs Q, K, V, attn_mask, past_key, past_value and
// nonpad_kv_seqlen, outputs Y, present_key, present_value and one stage of the scores.
func expandAttention(c *Call) error {
	s := newBuilder(c)
	if err := c.Need(3); err != nil {
		return err
	}
	flat := len(c.In[0].Shape) == 3
	h := heads{q: s.given(0), k: s.given(1), v: s.given(2)}
	h.scale, h.softcap = float64(c.Float("scale", 0)), float64(c.Float("softcap", 0))
	if flat {
		nq, nk := s.count("q_num_heads", 1), s.count("kv_num_heads", 1)
		h.q, h.k, h.v = s.split(h.q, nq), s.split(h.k, nk), s.split(h.v, nk)
	}
	past := 0
	if c.Has(4) && c.Has(5) {
		past = s.shape(c.Values[4], 4)[2]
		h.k, h.v = s.concat(2, c.Values[4], h.k), s.concat(2, c.Values[5], h.v)
	}
	s.masks(&h, past)
	y, stages := s.attend(h)
	if flat {
		y = s.join(y)
	}
	stage := c.Int("qk_matmul_output_mode", 0)
	if stage < rawScores || stage > weights {
		return c.ShapeError("qk_matmul_output_mode is %d, want 0 to 3", stage)
	}
	return s.bind(y, h.k, h.v, stages[stage])
}

// masks adds the biases that Attention's mask, lengths and causality ask for.
func (s *builder) masks(h *heads, past int) {
	steps, total := s.shape(h.q, 4)[2], s.shape(h.k, 4)[2]
	if s.c.Has(3) {
		h.biases = append(h.biases, s.mask(h.q, s.c.Values[3], total))
	}
	if s.c.Has(6) {
		h.biases = append(h.biases, s.unpadded(h.q, s.c.Values[6], total))
	}
	switch {
	case s.c.Int("is_causal", 0) == 0:
	case s.c.Has(6) && past == 0:
		h.biases = append(h.biases, s.causalBehind(h.q, s.c.Values[6], total))
	default:
		h.biases = append(h.biases, s.causal(h.q, steps, total, past, math.Inf(-1)))
	}
}

// bind names the outputs of the node, unless there was an error.
func (s *builder) bind(outs ...*ir.Value) error {
	if s.err != nil {
		return s.err
	}
	return bindAll(s.c, outs)
}

// mask makes a bias of Attention's attn_mask, bools or numbers, whose last axis may be shorter than that of the scores.
func (s *builder) mask(like, mask *ir.Value, total int) *ir.Value {
	if s.err != nil {
		return nil
	}
	if mask.Spec.Type == onnx.Bool {
		mask = s.hide(like, mask, math.Inf(-1))
	}
	if s.err != nil || len(mask.Spec.Shape) == 0 {
		return mask
	}
	rank := len(mask.Spec.Shape)
	missing := total - mask.Spec.Shape[rank-1]
	if missing <= 0 || mask.Spec.Shape[rank-1] == 1 {
		return mask
	}
	pads := make([]int64, 2*rank)
	pads[2*rank-1] = int64(missing)
	return s.op("Pad", nil, mask, knownValue(int64Tensor([]int{2 * rank}, pads...)), s.number(mask, math.Inf(-1)))
}

// unpadded hides the keys from position lengths[b] on: a bias [B,1,1,T].
func (s *builder) unpadded(like, lengths *ir.Value, total int) *ir.Value {
	n := s.shape(lengths, 1)[0]
	inside := s.op("Less", nil, s.positions(lengths, total, 1, total), s.reshape(lengths, n, 1))
	return s.hide(like, s.reshape(inside, n, 1, 1, total), math.Inf(-1))
}

// causalBehind hides the keys behind query i, which stands at lengths[b] - S + i: a bias [B,1,S,T].
func (s *builder) causalBehind(like, lengths *ir.Value, total int) *ir.Value {
	steps, n := s.shape(like, 4)[2], s.shape(lengths, 1)[0]
	offset := s.op("Sub", nil, s.positions(lengths, steps, 1, 1, steps, 1), knownIn(lengths, int64(steps)))
	limit := s.op("Add", nil, s.reshape(lengths, n, 1, 1, 1), offset)
	return s.hide(like, s.op("LessOrEqual", nil, s.positions(lengths, total, 1, 1, 1, total), limit), math.Inf(-1))
}

// knownIn is a scalar of the integer type of like.
func knownIn(like *ir.Value, v int64) *ir.Value {
	if like == nil {
		return intValue(v)
	}
	return knownValue(&op.Tensor{Type: like.Spec.Type, Shape: []int{}, I: []int64{v}})
}
