package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// aReduction draws axes, kept or not, empty or not.
func aReduction(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		shape := d.shape(d.between(1, 4))
		c := gradCase{op: operator, opset: 18, attrs: d.flag("keepdims")}
		var axes []int64
		for _, k := range d.Perm(len(shape))[:d.IntN(len(shape)+1)] {
			axes = append(axes, int64(k-len(shape)*d.IntN(2)))
			shape[k] = max(shape[k], 1) // the extreme of nothing has no gradient, nor has the logarithm of an empty sum
		}
		if axes == nil {
			for k := range shape {
				shape[k] = max(shape[k], 1)
			}
		}
		switch operator {
		case "ReduceMax", "ReduceMin":
			c.inputs = []*op.Tensor{d.distinct(0.2, shape...)}
		case "ReduceLogSum", "ReduceProd":
			c.inputs = []*op.Tensor{d.inRange(0.5, 2, shape...)}
		case "ReduceLogSumExp":
			c.inputs = []*op.Tensor{d.tensor(shape...)}
		default:
			c.inputs = []*op.Tensor{d.scaled(shape...)}
			margin := float32(0.1 * rootMeanSquare(c.inputs[0].F))
			clearOf(c.inputs[0], margin, 0)
		}
		if axes != nil {
			c.inputs = append(c.inputs, intTensor(axes...))
		}
		if c.inputs[0].Len() > 40 {
			c.step = 1.0 / 1024
		}
		return c
	})
}

// reductionDraws draws for every reduction that has a gradient.
func reductionDraws() map[string]func(d draw) gradCase {
	list := map[string]func(d draw) gradCase{}
	for _, e := range reductions() {
		if e.Grad == op.Full {
			list[e.Name] = aReduction(e.Name)
		}
	}
	return list
}

// aSoftmax draws any axis, and the form that flattens.
func aSoftmax(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		shape := d.shape(d.between(1, 4))
		given, _ := d.axis(len(shape))
		return gradCase{op: operator, opset: []int64{11, 13}[d.IntN(2)], attrs: attrs{intAttr("axis", given)},
			inputs: []*op.Tensor{d.inRange(-4, 4, shape...)}}
	})
}

// aRowNorm draws a normalisation of all axes from one on, with its statistics as outputs or without.
func aRowNorm(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		shape := append(d.shape(d.IntN(3)), d.between(2, 5))
		given, axis := d.axis(len(shape))
		for k := axis; k < len(shape); k++ {
			shape[k] = max(shape[k], 2)
		}
		c := gradCase{op: operator, opset: 23, attrs: attrs{intAttr("axis", given), floatAttr("epsilon", 0.01)},
			inputs: []*op.Tensor{d.tensor(shape...), d.tensor(shape[axis:]...)}}
		if operator == "LayerNormalization" {
			c.outputs = d.between(1, 3)
			if d.IntN(2) == 0 {
				c.inputs = append(c.inputs, d.tensor(shape[axis:]...))
			}
		}
		return c
	})
}

// aChannelNorm draws normalisations of channels.
func aChannelNorm(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		groups := d.between(1, 3)
		channels := groups * d.between(1, 2)
		x := append([]int{d.between(1, 3), channels}, d.full(d.between(1, 3))...)
		x[2] = 3
		d.perhapsEmpty(x)
		c := gradCase{op: operator, opset: 21, attrs: attrs{floatAttr("epsilon", 0.02)},
			inputs: []*op.Tensor{d.tensor(x...), d.tensor(channels), d.tensor(channels)}}
		switch operator {
		case "GroupNormalization":
			c.attrs = append(c.attrs, intAttr("num_groups", int64(groups)))
			if d.IntN(2) == 0 {
				c.opset, c.inputs[1], c.inputs[2] = 18, d.tensor(groups), d.tensor(groups)
			}
		case "BatchNormalization":
			c.opset = []int64{7, 9, 14, 15}[d.IntN(4)]
			c.inputs = append(c.inputs, d.tensor(channels), d.inRange(0.5, 2, channels))
		}
		return c
	})
}

// aSkipNorm draws skips that repeat, with the sum as output or without.
func aSkipNorm(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		n := d.between(2, 5)
		x := []int{d.between(1, 2), d.between(1, 3), n}
		skips := [][]int{x, {1, x[1], n}, x[1:]}
		if d.perhapsEmpty(x); x[0] == 0 {
			skips[1], skips[2] = x, x
		}
		c := gradCase{op: operator, domain: "com.microsoft", opset: 1,
			attrs: attrs{floatAttr("epsilon", 0.01)}, outputs: []int{1, 4}[d.IntN(2)],
			inputs: []*op.Tensor{d.tensor(x...), d.tensor(skips[d.IntN(3)]...), d.tensor(n)}}
		if operator == "SkipLayerNormalization" {
			c.inputs = append(c.inputs, []*op.Tensor{nil, d.tensor(n)}[d.IntN(2)])
		}
		if d.IntN(2) == 0 {
			c.inputs = append(c.inputs, d.tensor(n))
		}
		return c
	})
}

func (d draw) anLRN() gradCase {
	return gradCase{op: "LRN", opset: 13, attrs: attrs{intAttr("size", int64(d.between(1, 4))), floatAttr("alpha", 0.4),
		floatAttr("beta", 0.6), floatAttr("bias", 1.5)},
		inputs: []*op.Tensor{d.tensor(append([]int{d.between(0, 2), d.between(1, 5)}, d.shape(2)...)...)}}
}

func (d draw) anLpNorm() gradCase {
	shape := d.shape(d.between(1, 3))
	given, _ := d.axis(len(shape))
	return gradCase{op: "LpNormalization", opset: 22, attrs: attrs{intAttr("axis", given),
		intAttr("p", int64(d.between(1, 2)))}, inputs: []*op.Tensor{clearOf(d.tensor(shape...), 0.2, 0)}}
}

func (d draw) aMeanVariance() gradCase {
	c := gradCase{op: "MeanVarianceNormalization", opset: 13,
		inputs: []*op.Tensor{d.tensor(d.between(2, 3), d.between(1, 2), d.between(1, 3), d.between(1, 2))}}
	if d.IntN(2) == 0 {
		c.attrs = attrs{intsAttr("axes", -4, 1)}
	}
	return c
}

// aClassLoss draws reductions, weights and labels to ignore.
func aClassLoss(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		shape := append([]int{d.between(1, 3), d.between(2, 4)}, d.full(d.IntN(3))...)
		labels := op.NewTensor(op.Spec{Type: onnx.Int64, Shape: slices.Delete(slices.Clone(shape), 1, 2)})
		for i := range labels.I {
			labels.I[i] = int64(d.IntN(shape[1]))
		}
		c := gradCase{op: operator, opset: 13, outputs: 1, attrs: d.one("reduction", "none", "sum", "mean"),
			inputs: []*op.Tensor{d.tensor(shape...), labels}}
		if operator == "SoftmaxCrossEntropyLoss" {
			c.outputs = d.between(1, 2)
		}
		if d.IntN(2) == 0 {
			c.inputs = append(c.inputs, d.inRange(0.3, 2, shape[1]))
		}
		if len(labels.I) > 1 && d.IntN(2) == 0 {
			labels.I[0] = -7
			c.attrs = append(c.attrs, intAttr("ignore_index", -7))
		}
		return c
	})
}

// aRecurrence draws every direction, layout and optional input.
func aRecurrence(op string) func(d draw) gradCase {
	return func(d draw) gradCase {
		for n := d.IntN(18); ; n++ {
			if f := randomRecurrent(d.Rand, n); f.op == op {
				f.clip = false // the bound is a kink
				c := f.node(d.Uint64())
				c.step = 1.0 / 512
				return c
			}
		}
	}
}

func (d draw) aDFT() gradCase {
	cases := dftCases(d.Uint64() % 1000)
	names := slices.Sorted(keysOf(cases))
	return cases[names[d.IntN(len(names))]]
}

func (d draw) anSTFT() gradCase {
	frame := d.between(2, 5)
	c := gradCase{op: "STFT", opset: 17, attrs: d.flag("onesided"),
		inputs: []*op.Tensor{d.tensor(d.between(1, 2), 9, 1), scalarInt(int64(d.between(1, 3))), d.tensor(frame)},
		wrt:    []int{0, 2}}
	if d.IntN(2) == 0 {
		c.inputs[2], c.wrt = nil, []int{0}
		c.inputs = append(c.inputs, scalarInt(int64(frame)))
	}
	return c
}

// anAttention draws one of the forms that name has.
func anAttention(forms func(seed uint64) map[string]gradCase, op, domain string) func(d draw) gradCase {
	return func(d draw) gradCase {
		for {
			cases := forms(d.Uint64() % 1000)
			names := slices.Sorted(keysOf(cases))
			c := cases[names[d.IntN(len(names))]]
			if c.op != op || c.domain != domain {
				continue
			}
			c.wrt = floatInputs(c)
			return c
		}
	}
}

var _ = addDraws(reductionDraws())
var _ = addDraws(map[string]func(d draw) gradCase{
	"Softmax": aSoftmax("Softmax"), "LogSoftmax": aSoftmax("LogSoftmax"),
	"LayerNormalization": aRowNorm("LayerNormalization"), "RMSNormalization": aRowNorm("RMSNormalization"),
	"SimplifiedLayerNormalization":                   aRowNorm("SimplifiedLayerNormalization"),
	"InstanceNormalization":                          aChannelNorm("InstanceNormalization"),
	"GroupNormalization":                             aChannelNorm("GroupNormalization"),
	"BatchNormalization":                             aChannelNorm("BatchNormalization"),
	"com.microsoft.SkipLayerNormalization":           aSkipNorm("SkipLayerNormalization"),
	"com.microsoft.SkipSimplifiedLayerNormalization": aSkipNorm("SkipSimplifiedLayerNormalization"),
	"LRN": byAll(draw.anLRN), "LpNormalization": byAll(draw.anLpNorm),
	"MeanVarianceNormalization": byAll(draw.aMeanVariance),
	"NegativeLogLikelihoodLoss": aClassLoss("NegativeLogLikelihoodLoss"),
	"SoftmaxCrossEntropyLoss":   aClassLoss("SoftmaxCrossEntropyLoss"),
	"RNN":                       aRecurrence("RNN"), "GRU": aRecurrence("GRU"), "LSTM": aRecurrence("LSTM"),
	"DFT":                              draw.aDFT,
	"STFT":                             draw.anSTFT,
	"Attention":                        anAttention(onnxAttentions, "Attention", ""),
	"RotaryEmbedding":                  anAttention(onnxAttentions, "RotaryEmbedding", ""),
	"com.microsoft.Attention":          anAttention(fusedAttentions, "Attention", "com.microsoft"),
	"com.microsoft.MultiHeadAttention": anAttention(fusedAttentions, "MultiHeadAttention", "com.microsoft"),
	"com.microsoft.RotaryEmbedding":    anAttention(fusedAttentions, "RotaryEmbedding", "com.microsoft"),
	"com.microsoft.EmbedLayerNormalization": anAttention(fusedAttentions,
		"EmbedLayerNormalization", "com.microsoft"),
})
