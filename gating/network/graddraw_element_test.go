package network

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// small draws a shape of at most 24 elements, with axes of length 0 and 1 among them.
func (d draw) small() []int {
	for {
		if s := d.shape(d.IntN(5)); op.SizeOf(s) <= 24 {
			return s
		}
	}
}

// scaled draws a tensor with elements of usual, tiny or large size.
func (d draw) scaled(shape ...int) *op.Tensor {
	t := d.tensor(shape...)
	size := []float32{1, 1, 1e-4, 1e4}[d.IntN(4)]
	for i := range t.F {
		t.F[i] *= size
	}
	return t
}

// distinct draws a tensor whose elements are at least gap apart, in any order.
func (d draw) distinct(gap float32, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	for i, p := range d.Perm(t.Len()) {
		t.F[i] = gap * (float32(p-t.Len()/2) + d.Float32()/4)
	}
	return t
}

// inRange draws a tensor with elements between low and high.
func (d draw) inRange(low, high float64, shape ...int) *op.Tensor {
	return optest.Drawn(d.Rand, low, high, shape)
}

// clearOf moves elements that are nearer than margin to a number away from it.
func clearOf(t *op.Tensor, margin float32, numbers ...float32) *op.Tensor {
	for i, v := range t.F {
		for _, k := range numbers {
			if v-k < margin && k-v < margin {
				t.F[i] = k + margin
				if v < k {
					t.F[i] = k - margin
				}
			}
		}
	}
	return t
}

// floatInputs are the numbers of the float inputs that are there.
func floatInputs(c optest.Case) (list []int) {
	for i, v := range c.Inputs {
		if v != nil && v.Spec().IsFloat() && !slices.Contains(c.Known, i) {
			list = append(list, i)
		}
	}
	return list
}

// byAll asks for the gradient by every float input.
func byAll(f func(d draw) optest.Case) func(d draw) optest.Case {
	return func(d draw) optest.Case {
		c := f(d)
		c.Wrt = floatInputs(c)
		return c
	}
}

// unaryDraws draws from the ranges of unaryCases.
func unaryDraws() map[string]func(d draw) optest.Case {
	byForm := map[string][]unaryCase{}
	for _, u := range unaryCases {
		form := u.op
		if u.domain != "" {
			form = u.domain + "." + u.op
		}
		if u.op != "Clip" {
			byForm[form] = append(byForm[form], u)
		}
	}
	list := map[string]func(d draw) optest.Case{}
	for form, cases := range byForm {
		list[form] = byAll(func(d draw) optest.Case {
			u := cases[d.IntN(len(cases))]
			return optest.Case{Op: u.op, Domain: u.domain, Opset: 24, Attrs: u.attrs,
				Inputs: []*op.Tensor{u.draw(d.Rand, d.small()...)}}
		})
	}
	return list
}

// binaryDraws draws from the ranges of binaryCases.
func binaryDraws() map[string]func(d draw) optest.Case {
	list := map[string]func(d draw) optest.Case{}
	for _, b := range binaryCases {
		list[b.op] = byAll(func(d draw) optest.Case {
			var of []int
			for i, c := range binaryCases {
				if c.op == b.op {
					of = append(of, i)
				}
			}
			b := binaryCases[of[d.IntN(len(of))]]
			for {
				out, shapes := pairShapes(d.Rand, 24)
				if b.first {
					shapes[0] = out
				}
				x, y := optest.Drawn(d.Rand, b.a[0], b.a[1], shapes[0]), optest.Drawn(d.Rand, b.b[0], b.b[1], shapes[1])
				if apart(x, y, out, b.margin) {
					return optest.Case{Op: b.op, Opset: 15, Attrs: b.attrs, Inputs: []*op.Tensor{x, y}}
				}
			}
		})
	}
	return list
}

// several draws two to four operands that broadcast to each other.
func several(op string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		_, shapes := pairShapes(d.Rand, 24)
		c := optest.Case{Op: op, Opset: 13}
		for i := range d.between(2, 4) {
			c.Inputs = append(c.Inputs, d.tensor(shapes[i%3]...))
		}
		return c
	})
}

// aFoldedBias draws Gelu of a sum with a vector.
func aFoldedBias(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		x := append(d.shape(d.IntN(3)), d.between(1, 5))
		c := optest.Case{Op: operator, Domain: "com.microsoft", Opset: 1,
			Inputs: []*op.Tensor{d.tensor(x...), d.tensor(x[len(x)-1])}}
		if operator == "FastGelu" && d.IntN(3) == 0 {
			c.Inputs = c.Inputs[:1]
		}
		return c
	})
}

// aClip draws bounds as attributes and as inputs, both there or one.
func (d draw) aClip() optest.Case {
	low, high := float32(-0.5), float32(0.75)
	c := optest.Case{Op: "Clip", Opset: 13, Inputs: []*op.Tensor{clearOf(d.tensor(d.small()...), 0.1, low, high)}}
	switch d.IntN(4) {
	case 0:
		c.Opset, c.Attrs = 6, optest.Attrs{optest.FloatAttr("min", low), optest.FloatAttr("max", high)}
	case 1:
		c.Inputs = append(c.Inputs, floatTensor([]int{}, low))
	case 2:
		c.Inputs = append(c.Inputs, nil, floatTensor([]int{}, high))
	default:
		c.Inputs = append(c.Inputs, floatTensor([]int{}, low), floatTensor([]int{}, high))
	}
	return c
}

// aWhere draws three shapes that broadcast to each other.
func (d draw) aWhere() optest.Case {
	_, shapes := pairShapes(d.Rand, 24)
	cond := op.NewTensor(op.Spec{Type: onnx.Bool, Shape: shapes[0]})
	for i := range cond.I {
		cond.I[i] = int64(d.IntN(2))
	}
	return optest.Case{Op: "Where", Opset: 16,
		Inputs: []*op.Tensor{cond, d.scaled(shapes[1]...), d.scaled(shapes[2]...)}}
}

// aCast draws conversions between floats that keep every element.
func (d draw) aCast() optest.Case {
	to := []onnx.DataType{onnx.Float32, onnx.Float64}[d.IntN(2)]
	return optest.Case{Op: "Cast", Opset: 19, Attrs: optest.Attrs{optest.IntAttr("to", int64(to))},
		Inputs: []*op.Tensor{d.scaled(d.small()...)}}
}

func (d draw) aCastLike() optest.Case {
	like := op.NewTensor(op.Spec{Type: onnx.Float64, Shape: []int{1}})
	return optest.Case{Op: "CastLike", Opset: 19,
		Inputs: []*op.Tensor{d.scaled(d.small()...), like}, Wrt: []int{0}, Known: []int{1}}
}

// aChannelMap draws the linear maps of opset 1.
func aChannelMap(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		c := optest.Case{Op: operator, Opset: 1, Inputs: []*op.Tensor{d.scaled(d.small()...)}}
		switch operator {
		case "Affine":
			c.Attrs = optest.Attrs{optest.FloatAttr("alpha", 1.5), optest.FloatAttr("beta", -0.25)}
		case "Scale":
			c.Attrs = optest.Attrs{optest.FloatAttr("scale", -0.7)}
		case "ImageScaler":
			c.Inputs[0] = d.scaled(d.between(1, 2), 3, d.between(1, 3), d.between(1, 3))
			c.Attrs = optest.Attrs{optest.FloatAttr("scale", 0.3), optest.FloatsAttr("bias", 1, -2, 3)}
		default:
			c.Inputs[0] = d.inRange(-2, 2, d.small()...)
			c.Attrs = optest.Attrs{optest.FloatAttr("alpha", 1.5), optest.FloatAttr("beta", 0.8)}
		}
		return c
	})
}

func (d draw) aScaler() optest.Case {
	n := d.between(1, 4)
	c := optest.Case{Op: "Scaler", Domain: "ai.onnx.ml", Opset: 1, Inputs: []*op.Tensor{d.tensor(d.IntN(4), n)}}
	for _, name := range []string{"offset", "scale"} {
		if k := []int{0, 1, n}[d.IntN(3)]; k > 0 {
			c.Attrs = append(c.Attrs, optest.FloatsAttr(name, d.inRange(0.5, 2, k).F...))
		}
	}
	return c
}

func (d draw) aNormalizer() optest.Case {
	x := d.distinct(0.2, d.between(1, 3), d.between(1, 4))
	for i, v := range x.F {
		x.F[i] = float32(math.Abs(float64(v))) + 0.3
	}
	if norm := d.one("norm", "MAX", "L1", "L2"); string(norm[0].S) != "MAX" {
		return optest.Case{Op: "Normalizer", Domain: "ai.onnx.ml", Opset: 1, Attrs: norm,
			Inputs: []*op.Tensor{clearOf(d.tensor(x.Shape...), 0.1, 0)}}
	}
	return optest.Case{Op: "Normalizer", Domain: "ai.onnx.ml", Opset: 1, Inputs: []*op.Tensor{d.distinct(0.2, 1, 5)}}
}

func (d draw) someFeatures() optest.Case {
	n := d.between(1, 5)
	x := append(d.shape(d.IntN(3)), n)
	picks := make([]int64, d.between(1, 4))
	for i := range picks {
		picks[i] = int64(d.IntN(n))
	}
	return optest.Case{Op: "ArrayFeatureExtractor", Domain: "ai.onnx.ml", Opset: 1,
		Inputs: []*op.Tensor{d.scaled(x...), optest.IntTensor(picks...)}}
}

var _ = addDraws(unaryDraws())
var _ = addDraws(binaryDraws())
var _ = addDraws(map[string]func(d draw) optest.Case{
	"Sum": several("Sum"), "Mean": several("Mean"),
	"com.microsoft.BiasGelu": aFoldedBias("BiasGelu"), "com.microsoft.FastGelu": aFoldedBias("FastGelu"),
	"Clip": byAll(draw.aClip), "Where": byAll(draw.aWhere), "Cast": byAll(draw.aCast), "CastLike": draw.aCastLike,
	"Affine": aChannelMap("Affine"), "Scale": aChannelMap("Scale"), "ImageScaler": aChannelMap("ImageScaler"),
	"ScaledTanh": aChannelMap("ScaledTanh"), "ParametricSoftplus": aChannelMap("ParametricSoftplus"),
	"ai.onnx.ml.Scaler": byAll(draw.aScaler), "ai.onnx.ml.Normalizer": byAll(draw.aNormalizer),
	"ai.onnx.ml.ArrayFeatureExtractor": byAll(draw.someFeatures),
})
