package expand

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// groupQuery is a com.microsoft GroupQueryAttention while it is lowered. Keys of earlier calls lie in a buffer of which
// each sample fills the beginning, and the new keys go behind them.
type groupQuery struct {
	*builder
	heads
	steps, past, total int       // new keys, the buffer's length, and what it holds after the call
	filled             *ir.Value // keys of the past of each sample, [B]; nil where there are none
}

// The inputs of GroupQueryAttention behind query, key and value.
const (
	gqaPastKey = 3 + iota
	gqaPastValue
	gqaLengths
	gqaTotal
	gqaCos
	gqaSin
	gqaPositions
	gqaBias
	gqaSink
)

// expandGroupQuery lowers com.microsoft GroupQueryAttention: inputs query [B,S,H*D] (or query, key and value packed),
// key [B,S,K*D], value, past_key and past_value [B,K,P,D], seqlens_k [B] (keys less one), total_sequence_length,
// cos_cache, sin_cache, position_ids, attention_bias and head_sink; outputs Y, present_key and present_value. A query
// sees the keys up to its own, at most local_window_size of them.
func expandGroupQuery(c *Call) error {
	if c.Outs > 3 || len(c.In) > gqaSink+1 {
		return c.Unsupported("the scores as output and quantised caches are not supported")
	}
	g := &groupQuery{builder: newBuilder(c)}
	g.scale, g.softcap = float64(c.Float("scale", 0)), float64(c.Float("softcap", 0))
	g.operands()
	if err := g.lengths(); err != nil {
		return err
	}
	if c.Int("do_rotary", 0) != 0 {
		g.rotate()
	}
	keys, values := g.cached(gqaPastKey, g.k), g.cached(gqaPastValue, g.v)
	g.k, g.v = g.slice(keys, 2, 0, g.total, 1), g.slice(values, 2, 0, g.total, 1)
	g.biases = append(g.biases, g.visible())
	if c.Has(gqaBias) {
		g.biases = append(g.biases, c.Values[gqaBias])
	}
	switch {
	case c.Has(gqaSink):
		g.sink = g.reshape(c.Values[gqaSink], 1, g.shape(g.q, 4)[1], 1, 1)
	case c.Int("smooth_softmax", 0) > 0:
		g.sink = g.number(g.q, 0)
	}
	y, _ := g.attend(g.heads)
	return g.bind(g.join(y), keys, values)
}

// operands splits query, key and value into heads.
func (g *groupQuery) operands() {
	nq, nk := g.count("num_heads", 0), g.count("kv_num_heads", 0)
	query := g.given(0)
	if !g.c.Has(1) {
		x := g.shape(query, 3)
		if nq < 1 || nk < 1 || x[2]%(nq+2*nk) != 0 {
			g.fail(g.c.ShapeError("a packed input of shape %v does not split into %d and twice %d heads", x, nq, nk))
			return
		}
		d := x[2] / (nq + 2*nk)
		g.q = g.split(g.slice(query, 2, 0, nq*d, 1), nq)
		g.k = g.split(g.slice(query, 2, nq*d, (nq+nk)*d, 1), nk)
		g.v = g.split(g.slice(query, 2, (nq+nk)*d, x[2], 1), nk)
		return
	}
	g.q, g.k, g.v = g.split(query, nq), g.split(g.given(1), nk), g.split(g.given(2), nk)
}

// lengths finds how long the cache is and where the new keys go.
func (g *groupQuery) lengths() error {
	g.steps = g.shape(g.k, 4)[2]
	if g.c.Has(gqaPastKey) {
		g.past = g.shape(g.c.Values[gqaPastKey], 4)[2]
	}
	list, err := g.c.Ints(gqaTotal)
	if err != nil {
		return err
	}
	if g.err != nil {
		return g.err
	}
	if len(list) != 1 || list[0] < int64(g.steps) || list[0] > int64(g.past+g.steps) || !g.c.Has(gqaLengths) {
		return g.c.ShapeError("total_sequence_length is %v with %d new and up to %d past keys", list, g.steps, g.past)
	}
	if g.total = int(list[0]); g.total > g.steps {
		lengths := g.op("Cast", []*onnxpb.AttributeProto{intAttribute("to", int64(onnx.Int64))}, g.c.Values[gqaLengths])
		batch := g.shape(g.k, 4)[0]
		g.filled = g.op("Sub", nil, g.reshape(lengths, batch), intValue(int64(g.steps-1)))
	}
	return g.err
}

// positions64 are the places of the new keys: [1,S], or [B,S] behind a past.
func (g *groupQuery) positions64() *ir.Value {
	steps := g.builder.positions(intValue(0), g.steps, 1, g.steps)
	if g.filled == nil {
		return steps
	}
	return g.op("Add", nil, steps, g.reshape(g.filled, g.shape(g.k, 4)[0], 1))
}

// rotate turns queries and keys by their places (arXiv 2104.09864).
func (g *groupQuery) rotate() {
	at := g.positions64()
	if g.c.Has(gqaPositions) {
		at = g.c.Values[gqaPositions]
	}
	cos, sin := g.given(gqaCos), g.given(gqaSin)
	r := rotation{cos: g.gather(cos, at), sin: g.gather(sin, at), axis: 1,
		interleaved: g.c.Int("rotary_interleaved", 0) != 0}
	r.dim = 2 * g.shape(cos, 2)[1]
	for _, v := range []**ir.Value{&g.q, &g.k} {
		r.x = *v
		*v = g.turn(r)
	}
}

// cached writes new keys or values behind those of the past, into a buffer as long as the longer of both.
func (g *groupQuery) cached(past int, fresh *ir.Value) *ir.Value {
	if !g.c.Has(past) {
		return fresh
	}
	buffer := g.c.Values[past]
	if more := g.total - g.past; more > 0 {
		x := g.shape(buffer, 4)
		fill, err := g.c.NewConstant(op.Spec{Type: buffer.Spec.Type, Shape: []int{x[0], x[1], more, x[3]}})
		if err != nil {
			g.fail(err)
			return nil
		}
		buffer = g.concat(2, buffer, knownValue(fill))
	}
	if g.filled == nil {
		return g.op("TensorScatter", nil, buffer, fresh)
	}
	return g.op("TensorScatter", nil, buffer, fresh, g.filled)
}

// visible is the bias that hides the keys behind a query, and those before its window.
func (g *groupQuery) visible() *ir.Value {
	at := g.positions64()
	at = g.reshape(at, g.shape(at, 2)[0], 1, g.steps, 1)
	keys := g.builder.positions(intValue(0), g.total, 1, 1, 1, g.total)
	inside := g.op("LessOrEqual", nil, keys, at)
	if w := g.c.Int("local_window_size", -1); w > 0 {
		inside = g.op("And", nil, inside, g.op("Greater", nil, keys, g.op("Sub", nil, at, intValue(w))))
	}
	return g.hide(g.q, inside, math.Inf(-1))
}
