package network

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// attentionShapes are sizes drawn at random, and what makes tensors of them.
type attentionShapes struct {
	r                *rand.Rand
	seed             uint64
	b, h, s, t, d, v int // samples, heads, queries, keys, widths of keys and values
	p                int // keys of the past
}

func newAttentionShapes(seed uint64) *attentionShapes {
	r := rand.New(rand.NewPCG(seed, 5))
	a := &attentionShapes{r: r, seed: seed, b: 1 + r.IntN(2), h: 1 + r.IntN(3), s: 1 + r.IntN(4)}
	a.d, a.v, a.p, a.t = 2*(1+r.IntN(2)), 1+r.IntN(4), 1+r.IntN(3), a.s+r.IntN(3)
	return a
}

func (a *attentionShapes) x(shape ...int) *op.Tensor {
	a.seed++
	return optest.RandomTensor(a.seed, shape...)
}

// bits draws zeros and ones, the first of every row being 1 so that none hides everything.
func (a *attentionShapes) bits(t onnx.DataType, shape ...int) *op.Tensor {
	m := op.NewTensor(op.Spec{Type: t, Shape: shape})
	for i := range m.I {
		m.I[i] = int64(a.r.IntN(2))
		if i%shape[len(shape)-1] == 0 {
			m.I[i] = 1
		}
	}
	return m
}

// lengths draws a number of keys for each of n samples.
func (a *attentionShapes) lengths(n int) *op.Tensor {
	t := a.rows(onnx.Int32, a.s, n)
	for i := range t.I {
		t.I[i]++
	}
	return t
}

// rows draws numbers below n.
func (a *attentionShapes) rows(t onnx.DataType, n int, shape ...int) *op.Tensor {
	m := op.NewTensor(op.Spec{Type: t, Shape: shape})
	for i := range m.I {
		m.I[i] = int64(a.r.IntN(n))
	}
	return m
}

// onnxAttentions are forms of ONNX's own operators.
func onnxAttentions(seed uint64) map[string]optest.Case {
	a := newAttentionShapes(seed)
	x, b, h, s, t, d, v, p := a.x, a.b, a.h, a.s, a.t, a.d, a.v, a.p
	w := h * d
	attention := func(outputs int, attrs []*onnxpb.AttributeProto, in ...*op.Tensor) optest.Case {
		return optest.Case{Op: "Attention", Opset: 23, Outputs: outputs, Attrs: attrs, Inputs: in}
	}
	rotary := func(attrs []*onnxpb.AttributeProto, in ...*op.Tensor) optest.Case {
		return optest.Case{Op: "RotaryEmbedding", Opset: 23, Attrs: attrs, Inputs: in}
	}
	type list = []*onnxpb.AttributeProto
	flat := list{optest.IntAttr("q_num_heads", int64(2*h)), optest.IntAttr("kv_num_heads", int64(h))}
	n := optest.IntAttr("num_heads", int64(h))
	stage := func(mode int64) optest.Case {
		attrs := list{optest.IntAttr("qk_matmul_output_mode", mode), optest.FloatAttr("softcap", 0.7)}
		return attention(4, attrs, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v), x(s, t))
	}
	return map[string]optest.Case{
		"plain":   attention(1, nil, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v)),
		"grouped": attention(1, list{optest.FloatAttr("scale", 0.3)}, x(b, 2*h, s, d), x(b, h, t, d), x(b, h, t, v)),
		"flat":    attention(1, flat, x(b, s, 2*w), x(b, t, w), x(b, t, w)),
		"causal":  attention(1, list{optest.IntAttr("is_causal", 1)}, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v)),
		"floats":  attention(1, nil, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v), x(s, t)),
		"bools":   attention(1, nil, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v), a.bits(onnx.Bool, b, 1, s, t)),
		"softcap": attention(1, list{optest.FloatAttr("softcap", 0.5)}, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v)),
		"capped": attention(1, list{optest.FloatAttr("softcap", 0.5)}, x(b, h, s, d),
			x(b, h, t, d), x(b, h, t, v), x(b, h, s, t)),
		"past": attention(3, nil, x(b, h, s, d), x(b, h, t, d), x(b, h, t, v), nil, x(b, h, p, d), x(b, h, p, v)),
		"later": attention(3, list{optest.IntAttr("is_causal", 1)},
			x(b, h, s, d), x(b, h, s, d), x(b, h, s, v), nil, x(b, h, p, d), x(b, h, p, v)),
		"stage 0": stage(0),
		"stage 1": stage(1),
		"stage 2": stage(2),
		"stage 3": stage(3),
		"rotary":  rotary(nil, x(b, h, s, d), x(9, d/2), x(9, d/2), a.rows(onnx.Int64, 9, b, s)),
		"pairs":   rotary(list{n, optest.IntAttr("interleaved", 1)}, x(b, s, w), x(b, s, d/2), x(b, s, d/2)),
		"part":    rotary(list{n, optest.IntAttr("rotary_embedding_dim", 2)}, x(b, h, s, d), x(b, s, 1), x(b, s, 1)),
	}
}

// fusedAttentions are forms of ONNX Runtime's operators.
func fusedAttentions(seed uint64) map[string]optest.Case {
	a := newAttentionShapes(seed)
	x, b, h, s, t, d, v, p := a.x, a.b, a.h, a.s, a.t, a.d, a.v, a.p
	w := h * d
	type list = []*onnxpb.AttributeProto
	ms := func(op string, outputs int, attrs list, in ...*op.Tensor) optest.Case {
		return optest.Case{Op: op, Domain: "com.microsoft", Opset: 1, Outputs: outputs, Attrs: attrs, Inputs: in}
	}
	n := optest.IntAttr("num_heads", int64(h))
	sizes := optest.IntsAttr("qkv_hidden_sizes", int64(w), int64(w), int64(h*v))
	oneWay := optest.IntAttr("unidirectional", 1)
	return map[string]optest.Case{
		"rotary ms": ms("RotaryEmbedding", 1, nil, x(b, h, s, d), optest.IntTensor(2), x(9, d/2), x(9, d/2)),
		"packed":    ms("Attention", 1, list{n}, x(b, s, 3), x(3, 3*w), x(3*w)),
		"unequal":   ms("Attention", 1, list{n, sizes}, x(b, s, 3), x(3, 2*w+h*v), x(2*w+h*v)),
		"one way":   ms("Attention", 2, list{n, oneWay}, x(b, s, 3), x(3, 3*w), x(3*w), nil, x(2, b, h, p, d)),
		"lengths":   ms("Attention", 1, list{n}, x(b, s, 3), x(3, 3*w), x(3*w), a.lengths(b)),
		"raw mask":  ms("Attention", 1, list{n}, x(b, s, 3), x(3, 3*w), x(3*w), a.bits(onnx.Int32, b, s)),
		"relative":  ms("Attention", 1, list{n}, x(b, s, 3), x(3, 3*w), x(3*w), nil, nil, x(1, h, s, s)),
		"multi":     ms("MultiHeadAttention", 1, list{n}, x(b, s, w), x(b, t, w), x(b, t, h*v)),
		"bias":      ms("MultiHeadAttention", 1, list{n}, x(b, s, w), x(b, t, w), x(b, t, w), x(3*w)),
		"apart":     ms("MultiHeadAttention", 1, list{n}, x(b, s, w), x(b, h, t, d), x(b, h, t, d)),
		"masked": ms("MultiHeadAttention", 1, list{n}, x(b, s, w), x(b, t, w), x(b, t, w), nil,
			a.bits(onnx.Int32, b, t), x(1, h, s, t)),
		"multi past": ms("MultiHeadAttention", 3, list{n, oneWay}, x(b, s, w), x(b, s, w), x(b, s, w), nil, nil, nil,
			x(b, h, p, d), x(b, h, p, d)),
		"embed": ms("EmbedLayerNormalization", 3, list{optest.FloatAttr("epsilon", 1e-5)}, a.rows(onnx.Int32, 9, b, s),
			a.rows(onnx.Int32, 2, b, s), x(9, 4), x(9, 4), x(2, 4), x(4), x(4), a.bits(onnx.Int32, b, s)),
	}
}

// TestAttentionAgainstORT compares all forms.
func TestAttentionAgainstORT(t *testing.T) {
	server := startORT(t)
	if server == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for seed := range uint64(5) {
		// ONNX Runtime turns heads whose width is a multiple of 16.
		for _, forms := range []map[string]optest.Case{onnxAttentions(seed * 100), fusedAttentions(seed * 100),
			groupQueries(seed, 16), fusedLinear(seed)} {
			for name, c := range forms {
				t.Run(fmt.Sprint(name, seed), func(t *testing.T) { server.modelAgainstORT(t, c) })
			}
		}
	}
}

// TestAttentionGradients checks the gradient through all forms, of every float operand that is not a mask.
func TestAttentionGradients(t *testing.T) {
	for seed := range uint64(3) {
		for _, forms := range []map[string]optest.Case{onnxAttentions(seed * 100), fusedAttentions(seed * 100)} {
			for name, c := range forms {
				t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
					for i, v := range c.Inputs {
						if v != nil && v.Spec().IsFloat() {
							c.Wrt = append(c.Wrt, i)
						}
					}
					checkProgram(t, c)
				})
			}
		}
	}
}

// TestPackedAttention checks that operands in one tensor give what they give apart.
func TestPackedAttention(t *testing.T) {
	const b, s, h, d = 2, 3, 2, 4
	n := []*onnxpb.AttributeProto{optest.IntAttr("num_heads", h)}
	qkv := optest.RandomTensor(1, b, s, h, 3, d)
	kv := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{b, s, h, 2, d}})
	apart := make([]*op.Tensor, 3)
	for i := range apart {
		apart[i] = op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{b, s, h * d}})
		for row := range b * s * h {
			copy(apart[i].F[row*d:(row+1)*d], qkv.F[(row*3+i)*d:])
			if i > 0 {
				copy(kv.F[(row*2+i-1)*d:(row*2+i)*d], qkv.F[(row*3+i)*d:])
			}
		}
	}
	ms := optest.Case{Op: "MultiHeadAttention", Domain: "com.microsoft", Opset: 1, Attrs: n, Inputs: apart}
	want, err := runModel(ms)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]*op.Tensor{"qkv": {qkv}, "kv": {apart[0], kv}} {
		ms.Inputs = in
		got, err := runModel(ms)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := optest.Compare(got[0], want[0], 1e-6, 1e-6); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAttentionRefuses checks that operands of the wrong types are errors that say so.
func TestAttentionRefuses(t *testing.T) {
	n := []*onnxpb.AttributeProto{optest.IntAttr("num_heads", 2), optest.IntAttr("kv_num_heads", 2)}
	ints := op.NewTensor(op.Spec{Type: onnx.Int32, Shape: []int{1, 2, 24}})
	one := func(v int64) *op.Tensor { return &op.Tensor{Type: onnx.Int32, Shape: []int{1}, I: []int64{v}} }
	for name, c := range map[string]optest.Case{
		"float lengths": {Op: "Attention",
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 2, 4), optest.RandomTensor(2, 4, 12),
				optest.RandomTensor(3, 12), optest.RandomTensor(4, 1)}},
		"int queries": {Op: "GroupQueryAttention", Inputs: []*op.Tensor{ints, nil, nil, nil, nil, one(1), one(2)}},
		"int causal":  {Op: "GroupQueryAttention", Inputs: []*op.Tensor{ints, ints, ints, nil, nil, one(1), one(2)}},
		"short total": {Op: "GroupQueryAttention",
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 2, 24), nil, nil, nil, nil, one(1), one(1)}},
		"no heads": {Op: "GroupQueryAttention",
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 2, 23), nil, nil, nil, nil, one(1), one(2)}},
		"rule": {Op: "LinearAttention",
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 2, 4), optest.RandomTensor(1, 1, 2, 4),
				optest.RandomTensor(1, 1, 2, 4)}},
	} {
		c.Domain, c.Opset, c.Attrs = "com.microsoft", 1, append(n, optest.IntAttr("q_num_heads", 2))
		if _, err := runModel(c); !isKind(err, op.ErrShape) {
			t.Errorf("%s: got %v, want an error of kind ErrShape", name, err)
		}
	}
}
