package network

import (
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
func groupQueries(seed uint64, d int) map[string]gradCase {
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
	form := func(extra list, in ...*op.Tensor) gradCase {
		n := list{intAttr("num_heads", int64(h)), intAttr("kv_num_heads", int64(k))}
		return gradCase{op: "GroupQueryAttention", domain: "com.microsoft", opset: 1, outputs: 3,
			attrs: append(n, extra...), inputs: in}
	}
	prompt := func(extra list, more ...*op.Tensor) gradCase {
		return form(extra,
			append([]*op.Tensor{x(b, s, h*d), x(b, s, k*d), x(b, s, k*d), nil, nil, lengths(s), total(s)}, more...)...)
	}
	decode := func(extra list, more ...*op.Tensor) gradCase {
		return form(extra,
			append([]*op.Tensor{x(b, 1, h*d), x(b, 1, k*d), x(b, 1, k*d), x(b, k, p, d), x(b, k, p, d),
				lengths(p + 1), total(p + 1)}, more...)...)
	}
	rotary := list{intAttr("do_rotary", 1)}
	ragged := decode(rotary, x(9, d/2), x(9, d/2))
	ragged.inputs[gqaLengths] = a.rows(onnx.Int32, p+1, b)
	for _, past := range ragged.inputs[gqaPastKey:gqaLengths] {
		for i := range past.F { // what lies behind a sample's keys means nothing: ONNX Runtime clears it
			if i/d%p >= int(ragged.inputs[gqaLengths].I[i/(d*p*k)]) {
				past.F[i] = 0
			}
		}
	}
	return map[string]gradCase{
		"ragged":        ragged,
		"prompt":        prompt(nil),
		"packed":        form(nil, x(b, s, (h+2*k)*d), nil, nil, nil, nil, lengths(s), total(s)),
		"turned prompt": prompt(rotary, x(9, d/2), x(9, d/2)),
		"pairs":         prompt(append(rotary, intAttr("rotary_interleaved", 1)), x(9, d/2), x(9, d/2)),
		"scaled":        prompt(list{floatAttr("scale", 0.4), floatAttr("softcap", 2)}),
		"smooth":        prompt(list{intAttr("smooth_softmax", 1)}),
		"window":        prompt(list{intAttr("local_window_size", 2)}),
		"biased":        prompt(nil, nil, nil, nil, x(1, h, s, s)),
		"decode":        decode(nil),
		"turned decode": decode(rotary, x(9, d/2), x(9, d/2)),
		"small window":  decode(list{intAttr("local_window_size", 2)}),
		"sink":          prompt(nil, nil, nil, nil, nil, x(h)),
	}
}

// linearAttentions are the update rules of LinearAttention.
func linearAttentions(seed uint64) map[string]gradCase {
	a := newAttentionShapes(seed)
	x, b, k, s, d, v := a.x, a.b, a.h, a.s, a.d, a.v
	h := 2 * k
	form := func(rule string, in ...*op.Tensor) gradCase {
		in = append([]*op.Tensor{x(b, s, h*d), x(b, s, k*d), x(b, s, k*v)}, in...)
		return gradCase{op: "LinearAttention", opset: 27, outputs: 2, inputs: in,
			attrs: attrs{stringAttr("update_rule", rule), intAttr("q_num_heads", int64(h)),
				intAttr("kv_num_heads", int64(k))}}
	}
	return map[string]gradCase{
		"linear":      form("linear"),
		"gated":       form("gated", nil, x(b, s, k*d)),
		"head decay":  form("gated", nil, x(b, s, k)),
		"delta":       form("delta", nil, nil, x(b, s, k)),
		"gated delta": form("gated_delta", x(b, k, d, v), x(b, s, k*d), x(b, s, 1)),
		"erased":      form("delta", nil, nil, x(b, s, k), x(b, s, k*d)),
	}
}

// fusedLinear are linear attentions and convolutions with a state as ONNX Runtime has them.
func fusedLinear(seed uint64) map[string]gradCase {
	forms := linearAttentions(seed)
	delete(forms, "erased")
	forms["convolution"] = newDraw(seed).aCausalConv()
	for name, c := range forms {
		c.domain, c.opset = "com.microsoft", 1
		forms[name] = c
	}
	return forms
}

func (d draw) aCausalConv() gradCase {
	b, c, n, k := d.between(1, 2), d.between(1, 3), d.between(1, 4), d.between(1, 4)
	g := gradCase{op: "CausalConvWithState", opset: 27, outputs: 2, attrs: d.one("activation", "none", "silu", "swish"),
		inputs: []*op.Tensor{d.tensor(b, c, n), d.tensor(c, 1, k), nil}}
	if d.IntN(2) == 0 {
		g.inputs[2] = d.tensor(c)
	}
	if k > 1 && d.IntN(2) == 0 {
		g.inputs = append(g.inputs, d.tensor(b, c, k-1))
	}
	return g
}

func (d draw) aFlexAttention() gradCase {
	b, k, s, t, e := d.between(1, 2), d.between(1, 2), d.between(1, 3), d.between(1, 3), d.between(1, 4)
	body := func(name, operator, number string) *onnxpb.AttributeProto {
		g := bodyOf(typedInfo("in", op.Spec{Type: onnx.Float32}))
		addNode(g, operator, "in "+number, "out")
		addTensor(g, number, []int{}, []float32{1.5})
		return subgraph(name, g, typedInfo("out", op.Spec{Type: onnx.Float32}))
	}
	c := gradCase{op: "FlexAttention", domain: "ai.onnx.preview", opset: 1,
		inputs: []*op.Tensor{d.tensor(b, 2*k, s, e), d.tensor(b, k, t, e), d.tensor(b, k, t, d.between(1, 3))}}
	if d.IntN(2) == 0 {
		c.attrs = attrs{floatAttr("scale", 0.3), body("score_mod", "Mul", "factor")}
	}
	if d.IntN(2) == 0 {
		c.attrs = append(c.attrs, body("prob_mod", "Pow", "power"))
	}
	return c
}

// aRuntimeImage draws the operators that ONNX Runtime has for diffusion models and for images with their channels last.
func aRuntimeImage(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		n, h, w, channels := d.between(1, 2), d.between(2, 3), d.between(2, 3), 4
		c := gradCase{op: operator, domain: "com.microsoft", opset: 1,
			inputs: []*op.Tensor{d.tensor(n, h, w, channels)}}
		switch operator {
		case "BiasAdd":
			c.inputs = []*op.Tensor{d.tensor(n, h, w), d.tensor(w), d.tensor(n, h, w)}
		case "BiasSplitGelu":
			c.inputs = []*op.Tensor{d.tensor(n, h, 2*w), d.tensor(2 * w)}
		case "GroupNorm", "SkipGroupNorm":
			c.attrs = attrs{intAttr("groups", 2), intAttr("activation", int64(d.IntN(2))), floatAttr("epsilon", 0.01)}
			c.inputs = append(c.inputs, d.tensor(channels), d.tensor(channels))
			if operator == "GroupNorm" && d.IntN(2) == 0 {
				c.attrs, c.inputs[0] = append(c.attrs, intAttr("channels_last", 0)), d.tensor(n, channels, h, w)
			}
			if operator == "SkipGroupNorm" {
				c.outputs = 2
				c.inputs = append(c.inputs, [][]*op.Tensor{{d.tensor(n, channels), d.tensor(channels)},
					{d.tensor(n, h, w, channels)}}[d.IntN(2)]...)
			}
		case "NhwcMaxPool":
			c.inputs[0], c.attrs = d.distinct(0.2, n, h, w, channels), attrs{intsAttr("kernel_shape", 2, 2)}
		default:
			c.inputs = append(c.inputs, d.tensor(3, channels, 2, 2), d.tensor(3))
			if operator == "NhwcFusedConv" {
				c.attrs, c.inputs = d.one("activation", "Tanh", "Sigmoid"), append(c.inputs, d.tensor(n, h-1, w-1, 3))
			}
		}
		return c
	})
}

var _ = addDraws(map[string]func(d draw) gradCase{
	"com.microsoft.GroupQueryAttention": anAttention(func(seed uint64) map[string]gradCase {
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
