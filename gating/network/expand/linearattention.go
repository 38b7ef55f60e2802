package expand

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// recurrence is a LinearAttention while it is lowered: a state [B,K,D,V] that every step decays, corrects and writes
// to.
type recurrence struct {
	*builder
	heads
	state, decay, beta, erase *ir.Value
	gated, corrected          bool
}

// expandLinearAttention lowers LinearAttention of opset 27 and com.microsoft: inputs query [B,T,H*D], key [B,T,K*D],
// value [B,T,K*V], past_state [B,K,D,V], decay, beta and erase_gate; outputs Y [B,T,H*V] and present_state. The update
// rules are those of linear attention (arXiv 2006.16236), the gated one (arXiv 2312.06635) and the delta rule (arXiv
// 2406.06484, 2412.06464).
func expandLinearAttention(c *Call) error {
	r := &recurrence{builder: newBuilder(c)}
	nq, nk := r.count("q_num_heads", 0), r.count("kv_num_heads", 0)
	r.q, r.k, r.v = r.split(r.given(0), nq), r.split(r.given(1), nk), r.split(r.given(2), nk)
	q, k, v := r.shape(r.q, 4), r.shape(r.k, 4), r.shape(r.v, 4)
	if nk == 0 || nq%nk != 0 || q[2] > maxTrips {
		return c.ShapeError("%d query heads, %d key heads and %d steps, want a multiple and at most %d", nq, nk, q[2],
			maxTrips)
	}
	if r.scale = float64(c.Float("scale", 0)); r.scale == 0 {
		r.scale = 1 / math.Sqrt(float64(q[3]))
	}
	if err := r.rule(nk); err != nil {
		return err
	}
	if err := r.begin([]int{k[0], k[1], k[3], v[3]}); err != nil {
		return err
	}
	outs := make([]*ir.Value, q[2])
	for i := range outs {
		outs[i] = r.step(i)
	}
	return r.bind(r.join(r.concat(2, outs...)), r.state)
}

// rule reads update_rule and the inputs that it needs.
func (r *recurrence) rule(nk int) error {
	switch rule := r.c.Text("update_rule", "gated_delta"); rule {
	case "linear":
	case "gated":
		r.gated = true
	case "delta":
		r.corrected = true
	case "gated_delta":
		r.gated, r.corrected = true, true
	default:
		return r.c.ShapeError("update_rule is %q, want linear, gated, delta or gated_delta", rule)
	}
	if r.gated {
		r.decay = r.split(r.given(4), nk)
	}
	if r.corrected {
		beta := r.given(5)
		r.beta = r.split(beta, r.shape(beta, 3)[2])
		if r.c.Has(6) {
			r.erase = r.split(r.c.Values[6], nk)
		}
	}
	return r.err
}

// begin sets the state: the past one, or zeros.
func (r *recurrence) begin(shape []int) error {
	if r.c.Has(3) {
		r.state = r.c.Values[3]
		return r.err
	}
	if r.err != nil {
		return r.err
	}
	t, err := r.c.NewConstant(op.Spec{Type: r.q.Spec.Type, Shape: shape})
	r.state = knownValue(t)
	return err
}

// step updates the state by one step's key and value, and reads it by the query: [B,H,1,V].
func (r *recurrence) step(i int) *ir.Value {
	at := func(v *ir.Value) *ir.Value { return r.slice(v, 2, i, i+1, 1) }
	k, v := at(r.k), at(r.v)
	if r.gated {
		keep := r.transpose(r.op("Exp", nil, at(r.decay)), 0, 1, 3, 2)
		r.state = r.op("Mul", nil, r.state, keep)
	}
	if r.corrected {
		key := k
		if r.erase != nil {
			key = r.op("Mul", nil, k, at(r.erase))
		}
		v = r.op("Mul", nil, at(r.beta), r.op("Sub", nil, v, r.op("MatMul", nil, key, r.state)))
	}
	r.state = r.op("Add", nil, r.state, r.op("MatMul", nil, r.transpose(k, 0, 1, 3, 2), v))
	q, s := r.shape(r.q, 4), r.shape(r.state, 4)
	rows := r.reshape(at(r.q), q[0], s[1], q[1]/max(1, s[1]), q[3])
	return r.reshape(r.product(rows, r.state, 0, r.scale), q[0], q[1], 1, s[3])
}

// expandCausalConv lowers CausalConvWithState of opset 27 and com.microsoft: inputs input [B,C,L], weight [C,1,k], bias
// and past_state [B,C,k-1]; outputs Y [B,C,L] and present_state, the last k-1 columns seen.
func expandCausalConv(c *Call) error {
	s := newBuilder(c)
	x, w := s.given(0), s.given(1)
	shape, back := s.shape(x, 3), s.shape(w, 3)[2]-1
	switch {
	case s.err != nil:
		return s.err
	case back < 0:
		return c.ShapeError("the weights have shape %v, want a kernel", w.Spec.Shape)
	case c.Has(3):
		x = s.concat(2, c.Values[3], x)
	default:
		x = s.op("Pad", nil, x, knownValue(int64Tensor([]int{6}, 0, 0, int64(back), 0, 0, 0)))
	}
	in := []*ir.Value{x, w}
	if c.Has(2) {
		in = append(in, c.Values[2])
	}
	y := s.op("Conv", []*onnxpb.AttributeProto{intAttribute("group", int64(shape[1]))}, in...)
	switch activation := c.Text("activation", "none"); activation {
	case "none":
	case "silu", "swish":
		y = s.op("Swish", nil, y)
	default:
		return c.ShapeError("activation is %q, want none, silu or swish", activation)
	}
	total := s.shape(x, 3)[2]
	return s.bind(y, s.slice(x, 2, total-back, total, 1))
}

// expandFlexAttention lowers FlexAttention of ai.onnx.preview: inputs Q [B,H,S,D], K [B,K,T,D] and V [B,K,T,V]; bodies
// score_mod and prob_mod change the scores and their softmax, [B,H,S,T].
func expandFlexAttention(c *Call) error {
	s := newBuilder(c)
	q, k, v := s.shape(s.given(0), 4), s.shape(s.given(1), 4), s.shape(s.given(2), 4)
	scale := float64(c.Float("scale", 0))
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(q[3]))
	}
	if s.err != nil {
		return s.err
	}
	if k[1] == 0 || q[1]%k[1] != 0 {
		return c.ShapeError("%d query heads and %d key heads, want a multiple", q[1], k[1])
	}
	rows := q[1] / k[1] * q[2]
	scores := s.product(s.reshape(s.given(0), q[0], k[1], rows, q[3]), s.given(1), 1, scale)
	scores = s.modified("score_mod", s.reshape(scores, q[0], q[1], q[2], k[2]))
	weights := s.op("Softmax", []*onnxpb.AttributeProto{axisAttribute(-1)}, scores)
	weights = s.modified("prob_mod", weights)
	y := s.product(s.reshape(weights, q[0], k[1], rows, k[2]), s.given(2), 0, 1)
	return s.bind(s.reshape(y, q[0], q[1], q[2], v[3]))
}

// modified applies a body of one input and output, where the node has one of that name.
func (s *builder) modified(name string, v *ir.Value) *ir.Value {
	g := s.c.Attr(name).GetG()
	if g == nil || s.err != nil {
		return v
	}
	outs, err := s.c.Lower.Body(g, []*ir.Value{v})
	if err == nil && len(outs) != 1 {
		err = s.c.Invalid("%s has %d outputs, want 1", name, len(outs))
	}
	if err != nil {
		s.fail(err)
		return nil
	}
	return outs[0]
}
