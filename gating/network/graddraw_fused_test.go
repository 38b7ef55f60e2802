package network

import (
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Inputs of GroupQueryAttention.
const (
	gqaPastKey = 3
	gqaLengths = 5
)

// groupQueries are forms of GroupQueryAttention with heads of a width: a prompt, or new keys behind a past.
func groupQueries(seed uint64, d int) map[string]optest.Case {
	a := newAttentionShapes(seed)
	x, b, k, s, p := a.x, a.b, a.h, a.s, a.p
	h := 2 * k
	type list = []*onnxpb.AttributeProto
	total := func(n int) *op.Tensor { return &op.Tensor{Type: onnx.Int32, Shape: []int{1}, I: []int64{int64(n)}} }
	lengths := func(n int) *op.Tensor {
		t := op.NewTensor(op.Spec{Type: onnx.Int32, Shape: []int{b}})
		for i := range t.I {
			t.I[i] = int64(n - 1)
		}
		return t
	}
	form := func(extra list, in ...*op.Tensor) optest.Case {
		n := list{optest.IntAttr("num_heads", int64(h)), optest.IntAttr("kv_num_heads", int64(k))}
		return optest.Case{Op: "GroupQueryAttention", Domain: "com.microsoft", Opset: 1, Outputs: 3,
			Attrs: append(n, extra...), Inputs: in}
	}
	prompt := func(extra list, more ...*op.Tensor) optest.Case {
		return form(extra,
			append([]*op.Tensor{x(b, s, h*d), x(b, s, k*d), x(b, s, k*d), nil, nil, lengths(s), total(s)}, more...)...)
	}
	decode := func(extra list, more ...*op.Tensor) optest.Case {
		return form(extra,
			append([]*op.Tensor{x(b, 1, h*d), x(b, 1, k*d), x(b, 1, k*d), x(b, k, p, d), x(b, k, p, d),
				lengths(p + 1), total(p + 1)}, more...)...)
	}
	rotary := list{optest.IntAttr("do_rotary", 1)}
	ragged := decode(rotary, x(9, d/2), x(9, d/2))
	ragged.Inputs[gqaLengths] = a.rows(onnx.Int32, p+1, b)
	for _, past := range ragged.Inputs[gqaPastKey:gqaLengths] {
		for i := range past.F { // what lies behind a sample's keys means nothing: ONNX Runtime clears it
			if i/d%p >= int(ragged.Inputs[gqaLengths].I[i/(d*p*k)]) {
				past.F[i] = 0
			}
		}
	}
	return map[string]optest.Case{
		"ragged":        ragged,
		"prompt":        prompt(nil),
		"packed":        form(nil, x(b, s, (h+2*k)*d), nil, nil, nil, nil, lengths(s), total(s)),
		"turned prompt": prompt(rotary, x(9, d/2), x(9, d/2)),
		"pairs":         prompt(append(rotary, optest.IntAttr("rotary_interleaved", 1)), x(9, d/2), x(9, d/2)),
		"scaled":        prompt(list{optest.FloatAttr("scale", 0.4), optest.FloatAttr("softcap", 2)}),
		"smooth":        prompt(list{optest.IntAttr("smooth_softmax", 1)}),
		"window":        prompt(list{optest.IntAttr("local_window_size", 2)}),
		"biased":        prompt(nil, nil, nil, nil, x(1, h, s, s)),
		"decode":        decode(nil),
		"turned decode": decode(rotary, x(9, d/2), x(9, d/2)),
		"small window":  decode(list{optest.IntAttr("local_window_size", 2)}),
		"sink":          prompt(nil, nil, nil, nil, nil, x(h)),
	}
}

// linearAttentions are the update rules of LinearAttention.
func linearAttentions(seed uint64) map[string]optest.Case {
	a := newAttentionShapes(seed)
	x, b, k, s, d, v := a.x, a.b, a.h, a.s, a.d, a.v
	h := 2 * k
	form := func(rule string, in ...*op.Tensor) optest.Case {
		in = append([]*op.Tensor{x(b, s, h*d), x(b, s, k*d), x(b, s, k*v)}, in...)
		return optest.Case{Op: "LinearAttention", Opset: 27, Outputs: 2, Inputs: in,
			Attrs: optest.Attrs{optest.StringAttr("update_rule", rule), optest.IntAttr("q_num_heads", int64(h)),
				optest.IntAttr("kv_num_heads", int64(k))}}
	}
	return map[string]optest.Case{
		"linear":      form("linear"),
		"gated":       form("gated", nil, x(b, s, k*d)),
		"head decay":  form("gated", nil, x(b, s, k)),
		"delta":       form("delta", nil, nil, x(b, s, k)),
		"gated delta": form("gated_delta", x(b, k, d, v), x(b, s, k*d), x(b, s, 1)),
		"erased":      form("delta", nil, nil, x(b, s, k), x(b, s, k*d)),
	}
}

// fusedLinear are linear attentions and convolutions with a state as ONNX Runtime has them.
func fusedLinear(seed uint64) map[string]optest.Case {
	forms := linearAttentions(seed)
	delete(forms, "erased")
	forms["convolution"] = newDraw(seed).aCausalConv()
	for name, c := range forms {
		c.Domain, c.Opset = "com.microsoft", 1
		forms[name] = c
	}
	return forms
}

func (d draw) aCausalConv() optest.Case {
	b, c, n, k := d.between(1, 2), d.between(1, 3), d.between(1, 4), d.between(1, 4)
	g := optest.Case{Op: "CausalConvWithState", Opset: 27, Outputs: 2,
		Attrs:  d.one("activation", "none", "silu", "swish"),
		Inputs: []*op.Tensor{d.tensor(b, c, n), d.tensor(c, 1, k), nil}}
	if d.IntN(2) == 0 {
		g.Inputs[2] = d.tensor(c)
	}
	if k > 1 && d.IntN(2) == 0 {
		g.Inputs = append(g.Inputs, d.tensor(b, c, k-1))
	}
	return g
}

func (d draw) aFlexAttention() optest.Case {
	b, k, s, t, e := d.between(1, 2), d.between(1, 2), d.between(1, 3), d.between(1, 3), d.between(1, 4)
	body := func(name, operator, number string) *onnxpb.AttributeProto {
		g := bodyOf(typedInfo("in", op.Spec{Type: onnx.Float32}))
		addNode(g, operator, "in "+number, "out")
		addTensor(g, number, []int{}, []float32{1.5})
		return subgraph(name, g, typedInfo("out", op.Spec{Type: onnx.Float32}))
	}
	c := optest.Case{Op: "FlexAttention", Domain: "ai.onnx.preview", Opset: 1,
		Inputs: []*op.Tensor{d.tensor(b, 2*k, s, e), d.tensor(b, k, t, e), d.tensor(b, k, t, d.between(1, 3))}}
	if d.IntN(2) == 0 {
		c.Attrs = optest.Attrs{optest.FloatAttr("scale", 0.3), body("score_mod", "Mul", "factor")}
	}
	if d.IntN(2) == 0 {
		c.Attrs = append(c.Attrs, body("prob_mod", "Pow", "power"))
	}
	return c
}

// aRuntimeImage draws the operators that ONNX Runtime has for diffusion models and for images with their channels last.
func aRuntimeImage(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		n, h, w, channels := d.between(1, 2), d.between(2, 3), d.between(2, 3), 4
		c := optest.Case{Op: operator, Domain: "com.microsoft", Opset: 1,
			Inputs: []*op.Tensor{d.tensor(n, h, w, channels)}}
		switch operator {
		case "BiasAdd":
			c.Inputs = []*op.Tensor{d.tensor(n, h, w), d.tensor(w), d.tensor(n, h, w)}
		case "BiasSplitGelu":
			c.Inputs = []*op.Tensor{d.tensor(n, h, 2*w), d.tensor(2 * w)}
		case "GroupNorm", "SkipGroupNorm":
			c.Attrs = optest.Attrs{optest.IntAttr("groups", 2), optest.IntAttr("activation", int64(d.IntN(2))),
				optest.FloatAttr("epsilon", 0.01)}
			c.Inputs = append(c.Inputs, d.tensor(channels), d.tensor(channels))
			if operator == "GroupNorm" && d.IntN(2) == 0 {
				c.Attrs, c.Inputs[0] = append(c.Attrs, optest.IntAttr("channels_last", 0)), d.tensor(n, channels, h, w)
			}
			if operator == "SkipGroupNorm" {
				c.Outputs = 2
				c.Inputs = append(c.Inputs, [][]*op.Tensor{{d.tensor(n, channels), d.tensor(channels)},
					{d.tensor(n, h, w, channels)}}[d.IntN(2)]...)
			}
		case "NhwcMaxPool":
			c.Inputs[0], c.Attrs = d.distinct(0.2, n, h, w, channels),
				optest.Attrs{optest.IntsAttr("kernel_shape", 2, 2)}
		default:
			c.Inputs = append(c.Inputs, d.tensor(3, channels, 2, 2), d.tensor(3))
			if operator == "NhwcFusedConv" {
				c.Attrs, c.Inputs = d.one("activation", "Tanh", "Sigmoid"), append(c.Inputs, d.tensor(n, h-1, w-1, 3))
			}
		}
		return c
	})
}

var _ = addDraws(map[string]func(d draw) optest.Case{
	"com.microsoft.GroupQueryAttention": anAttention(func(seed uint64) map[string]optest.Case {
		return groupQueries(seed,
			2)
	}, "GroupQueryAttention", "com.microsoft"),
	"LinearAttention":                            anAttention(linearAttentions, "LinearAttention", ""),
	"com.microsoft.LinearAttention":              ofRuntime(anAttention(linearAttentions, "LinearAttention", "")),
	"CausalConvWithState":                        byAll(draw.aCausalConv),
	"com.microsoft.CausalConvWithState":          ofRuntime(byAll(draw.aCausalConv)),
	"ai.onnx.preview.FlexAttention":              byAll(draw.aFlexAttention),
	"com.microsoft.BiasAdd":                      aRuntimeImage("BiasAdd"),
	"com.microsoft.BiasSplitGelu":                aRuntimeImage("BiasSplitGelu"),
	"com.microsoft.GroupNorm":                    aRuntimeImage("GroupNorm"),
	"com.microsoft.SkipGroupNorm":                aRuntimeImage("SkipGroupNorm"),
	"com.microsoft.NhwcConv":                     aRuntimeImage("NhwcConv"),
	"com.microsoft.NhwcFusedConv":                aRuntimeImage("NhwcFusedConv"),
	"com.microsoft.NhwcMaxPool":                  aRuntimeImage("NhwcMaxPool"),
	"com.microsoft.LayerNormalization":           ofRuntime(aRowNorm("LayerNormalization")),
	"com.microsoft.SimplifiedLayerNormalization": ofRuntime(aRowNorm("SimplifiedLayerNormalization")),
})
