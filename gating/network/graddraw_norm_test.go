package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// aReduction draws axes, kept or not, empty or not.
func aReduction(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		shape := d.shape(d.between(1, 4))
		c := optest.Case{Op: operator, Opset: 18, Attrs: d.flag("keepdims")}
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
			c.Inputs = []*op.Tensor{d.distinct(0.2, shape...)}
		case "ReduceLogSum", "ReduceProd":
			c.Inputs = []*op.Tensor{d.inRange(0.5, 2, shape...)}
		case "ReduceLogSumExp":
			c.Inputs = []*op.Tensor{d.tensor(shape...)}
		default:
			c.Inputs = []*op.Tensor{d.scaled(shape...)}
			margin := float32(0.1 * rootMeanSquare(c.Inputs[0].F))
			clearOf(c.Inputs[0], margin, 0)
		}
		if axes != nil {
			c.Inputs = append(c.Inputs, optest.IntTensor(axes...))
		}
		if c.Inputs[0].Len() > 40 {
			c.Step = 1.0 / 1024
		}
		return c
	})
}

// reductionDraws draws for every reduction that has a gradient.
func reductionDraws() map[string]func(d draw) optest.Case {
	list := map[string]func(d draw) optest.Case{}
	for _, e := range optest.Reductions() {
		if e.Grad == op.Full {
			list[e.Name] = aReduction(e.Name)
		}
	}
	return list
}

// aSoftmax draws any axis, and the form that flattens.
func aSoftmax(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		shape := d.shape(d.between(1, 4))
		given, _ := d.axis(len(shape))
		return optest.Case{Op: operator, Opset: []int64{11, 13}[d.IntN(2)],
			Attrs:  optest.Attrs{optest.IntAttr("axis", given)},
			Inputs: []*op.Tensor{d.inRange(-4, 4, shape...)}}
	})
}

// aRowNorm draws a normalisation of all axes from one on, with its statistics as outputs or without.
func aRowNorm(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		shape := append(d.shape(d.IntN(3)), d.between(2, 5))
		given, axis := d.axis(len(shape))
		for k := axis; k < len(shape); k++ {
			shape[k] = max(shape[k], 2)
		}
		c := optest.Case{Op: operator, Opset: 23,
			Attrs:  optest.Attrs{optest.IntAttr("axis", given), optest.FloatAttr("epsilon", 0.01)},
			Inputs: []*op.Tensor{d.tensor(shape...), d.tensor(shape[axis:]...)}}
		if operator == "LayerNormalization" {
			c.Outputs = d.between(1, 3)
			if d.IntN(2) == 0 {
				c.Inputs = append(c.Inputs, d.tensor(shape[axis:]...))
			}
		}
		return c
	})
}

// aChannelNorm draws normalisations of channels.
func aChannelNorm(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		groups := d.between(1, 3)
		channels := groups * d.between(1, 2)
		x := append([]int{d.between(1, 3), channels}, d.full(d.between(1, 3))...)
		x[2] = 3
		d.perhapsEmpty(x)
		c := optest.Case{Op: operator, Opset: 21, Attrs: optest.Attrs{optest.FloatAttr("epsilon", 0.02)},
			Inputs: []*op.Tensor{d.tensor(x...), d.tensor(channels), d.tensor(channels)}}
		switch operator {
		case "GroupNormalization":
			c.Attrs = append(c.Attrs, optest.IntAttr("num_groups", int64(groups)))
			if d.IntN(2) == 0 {
				c.Opset, c.Inputs[1], c.Inputs[2] = 18, d.tensor(groups), d.tensor(groups)
			}
		case "BatchNormalization":
			c.Opset = []int64{7, 9, 14, 15}[d.IntN(4)]
			c.Inputs = append(c.Inputs, d.tensor(channels), d.inRange(0.5, 2, channels))
		}
		return c
	})
}

// aSkipNorm draws skips that repeat, with the sum as output or without.
func aSkipNorm(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		n := d.between(2, 5)
		x := []int{d.between(1, 2), d.between(1, 3), n}
		skips := [][]int{x, {1, x[1], n}, x[1:]}
		if d.perhapsEmpty(x); x[0] == 0 {
			skips[1], skips[2] = x, x
		}
		c := optest.Case{Op: operator, Domain: "com.microsoft", Opset: 1,
			Attrs: optest.Attrs{optest.FloatAttr("epsilon", 0.01)}, Outputs: []int{1, 4}[d.IntN(2)],
			Inputs: []*op.Tensor{d.tensor(x...), d.tensor(skips[d.IntN(3)]...), d.tensor(n)}}
		if operator == "SkipLayerNormalization" {
			c.Inputs = append(c.Inputs, []*op.Tensor{nil, d.tensor(n)}[d.IntN(2)])
		}
		if d.IntN(2) == 0 {
			c.Inputs = append(c.Inputs, d.tensor(n))
		}
		return c
	})
}

func (d draw) anLRN() optest.Case {
	return optest.Case{Op: "LRN", Opset: 13,
		Attrs: optest.Attrs{optest.IntAttr("size", int64(d.between(1, 4))), optest.FloatAttr("alpha", 0.4),
			optest.FloatAttr("beta", 0.6), optest.FloatAttr("bias", 1.5)},
		Inputs: []*op.Tensor{d.tensor(append([]int{d.between(0, 2), d.between(1, 5)}, d.shape(2)...)...)}}
}

func (d draw) anLpNorm() optest.Case {
	shape := d.shape(d.between(1, 3))
	given, _ := d.axis(len(shape))
	return optest.Case{Op: "LpNormalization", Opset: 22, Attrs: optest.Attrs{optest.IntAttr("axis", given),
		optest.IntAttr("p", int64(d.between(1, 2)))}, Inputs: []*op.Tensor{clearOf(d.tensor(shape...), 0.2, 0)}}
}

func (d draw) aMeanVariance() optest.Case {
	c := optest.Case{Op: "MeanVarianceNormalization", Opset: 13,
		Inputs: []*op.Tensor{d.tensor(d.between(2, 3), d.between(1, 2), d.between(1, 3), d.between(1, 2))}}
	if d.IntN(2) == 0 {
		c.Attrs = optest.Attrs{optest.IntsAttr("axes", -4, 1)}
	}
	return c
}

// aClassLoss draws reductions, weights and labels to ignore.
func aClassLoss(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		shape := append([]int{d.between(1, 3), d.between(2, 4)}, d.full(d.IntN(3))...)
		labels := op.NewTensor(op.Spec{Type: onnx.Int64, Shape: slices.Delete(slices.Clone(shape), 1, 2)})
		for i := range labels.I {
			labels.I[i] = int64(d.IntN(shape[1]))
		}
		c := optest.Case{Op: operator, Opset: 13, Outputs: 1, Attrs: d.one("reduction", "none", "sum", "mean"),
			Inputs: []*op.Tensor{d.tensor(shape...), labels}}
		if operator == "SoftmaxCrossEntropyLoss" {
			c.Outputs = d.between(1, 2)
		}
		if d.IntN(2) == 0 {
			c.Inputs = append(c.Inputs, d.inRange(0.3, 2, shape[1]))
		}
		if len(labels.I) > 1 && d.IntN(2) == 0 {
			labels.I[0] = -7
			c.Attrs = append(c.Attrs, optest.IntAttr("ignore_index", -7))
		}
		return c
	})
}

// aRecurrence draws every direction, layout and optional input.
func aRecurrence(op string) func(d draw) optest.Case {
	return func(d draw) optest.Case {
		for n := d.IntN(18); ; n++ {
			if f := randomRecurrent(d.Rand, n); f.op == op {
				f.clip = false // the bound is a kink
				c := f.node(d.Uint64())
				c.Step = 1.0 / 512
				return c
			}
		}
	}
}

func (d draw) aDFT() optest.Case {
	cases := dftCases(d.Uint64() % 1000)
	names := slices.Sorted(keysOf(cases))
	return cases[names[d.IntN(len(names))]]
}

func (d draw) anSTFT() optest.Case {
	frame := d.between(2, 5)
	c := optest.Case{Op: "STFT", Opset: 17, Attrs: d.flag("onesided"),
		Inputs: []*op.Tensor{d.tensor(d.between(1, 2), 9, 1), scalarInt(int64(d.between(1, 3))), d.tensor(frame)},
		Wrt:    []int{0, 2}}
	if d.IntN(2) == 0 {
		c.Inputs[2], c.Wrt = nil, []int{0}
		c.Inputs = append(c.Inputs, scalarInt(int64(frame)))
	}
	return c
}

// anAttention draws one of the forms that name has.
func anAttention(forms func(seed uint64) map[string]optest.Case, op, domain string) func(d draw) optest.Case {
	return func(d draw) optest.Case {
		for {
			cases := forms(d.Uint64() % 1000)
			names := slices.Sorted(keysOf(cases))
			c := cases[names[d.IntN(len(names))]]
			if c.Op != op || c.Domain != domain {
				continue
			}
			c.Wrt = floatInputs(c)
			return c
		}
	}
}

var _ = addDraws(reductionDraws())
var _ = addDraws(map[string]func(d draw) optest.Case{
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
