package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// perhapsEmpty makes the batch empty now and then.
func (d draw) perhapsEmpty(shape []int) {
	if d.IntN(8) == 0 {
		shape[0] = 0
	}
}

func (d draw) aConv() optest.Case {
	list, x, w := optest.ConvCase(d.Rand, d.between(1, 3))
	d.perhapsEmpty(x)
	c := optest.Case{Op: "Conv", Opset: 11, Attrs: list, Inputs: []*op.Tensor{d.scaled(x...), d.scaled(w...)}}
	if d.IntN(2) == 0 {
		c.Inputs = append(c.Inputs, d.tensor(w[0]))
	}
	return c
}

func (d draw) aConvTranspose() optest.Case {
	list, x, w := optest.TransposeCase(d.Rand, d.between(1, 3))
	d.perhapsEmpty(x)
	c := optest.Case{Op: "ConvTranspose", Opset: 11, Attrs: list, Inputs: []*op.Tensor{d.scaled(x...), d.scaled(w...)}}
	if d.IntN(2) == 0 {
		c.Inputs = append(c.Inputs, d.tensor(w[1]*int(list[0].GetI())))
	}
	return c
}

// aFusedConv draws activations clear of their kinks by adding a residual that is far from them.
func (d draw) aFusedConv() optest.Case {
	x, w := d.inRange(-0.3, 0.3, 1, 2, 3, 4), d.inRange(-0.3, 0.3, 3, 2, 2, 2)
	z := d.tensor(1, 3, 2, 3)
	for i, v := range z.F {
		z.F[i] = 1
		if v < 0 {
			z.F[i] = -1
		}
	}
	c := optest.Case{Op: "FusedConv", Domain: "com.microsoft", Opset: 1,
		Attrs:  d.one("activation", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip", "HardSigmoid"),
		Inputs: []*op.Tensor{x, w, d.inRange(-0.2, 0.2, 3), z}}
	if string(c.Attrs[0].S) == "Clip" {
		c.Attrs = append(c.Attrs, optest.FloatsAttr("activation_params", -3, 0))
	}
	return c
}

func (d draw) aGemm() optest.Case {
	m, k, n := d.IntN(4), d.IntN(4), d.between(1, 4)
	a, b := []int{m, k}, []int{k, n}
	c := optest.Case{Op: "Gemm", Opset: 13,
		Attrs: append(append(d.flag("transA"), d.flag("transB")...),
			optest.FloatAttr("alpha", 0.7), optest.FloatAttr("beta", -1.3))}
	for i, s := range [][]int{a, b} {
		if c.Attrs[i].GetI() != 0 {
			slices.Reverse(s)
		}
		c.Inputs = append(c.Inputs, d.scaled(s...))
	}
	if shapes := [][]int{{m, n}, {n}, {1, n}, {m, 1}, {}}; d.IntN(4) > 0 {
		c.Inputs = append(c.Inputs, d.tensor(shapes[d.IntN(len(shapes))]...))
	}
	return c
}

func (d draw) aFusedGemm() optest.Case {
	c := d.aGemm()
	c.Op, c.Domain, c.Opset = "FusedGemm", "com.microsoft", 1
	c.Attrs = append(c.Attrs, d.one("activation", "Tanh", "Sigmoid")...)
	for i, v := range c.Inputs {
		c.Inputs[i] = d.inRange(-1, 1, v.Shape...)
	}
	return c
}

func (d draw) aMatMul() optest.Case {
	_, shapes := pairShapes(d.Rand, 6)
	m, k, n := d.IntN(4), d.between(0, 4), d.between(1, 3)
	a, b := append(slices.Clone(shapes[0]), m, k), append(slices.Clone(shapes[1]), k, n)
	switch d.IntN(6) {
	case 0:
		a = []int{k}
	case 1:
		b = []int{k}
	}
	return optest.Case{Op: "MatMul", Opset: 13, Inputs: []*op.Tensor{d.scaled(a...), d.scaled(b...)}}
}

// aFusedMatMul draws which operands are transposed.
func aFusedMatMul(op string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		b, m, k, n := d.between(1, 2), d.between(1, 3), d.between(1, 4), d.between(1, 3)
		c := optest.Case{Op: op, Domain: "com.microsoft", Opset: 1,
			Attrs: append(append(d.flag("transA"), d.flag("transB")...), optest.FloatAttr("alpha", 0.4))}
		for i, s := range [][]int{{m, k}, {k, n}} {
			if c.Attrs[i].GetI() != 0 {
				slices.Reverse(s)
			}
			c.Inputs = append(c.Inputs, d.scaled(append([]int{b}, s...)...))
		}
		return c
	})
}

// anEinsum draws a contraction of two operands: every letter stands in one of them, in both, or in the output too.
func (d draw) anEinsum() optest.Case {
	letters, sizes := "ijklm", []int{d.between(1, 3), d.between(0, 3), 1, 2, 3}
	var terms [3]string
	var shapes [2][]int
	for i, n := range sizes {
		in := d.between(1, 3)
		for k := range 2 {
			if in>>k&1 != 0 {
				terms[k], shapes[k] = terms[k]+letters[i:i+1], append(shapes[k], n)
			}
		}
		if d.IntN(2) == 0 {
			terms[2] = letters[i:i+1] + terms[2]
		}
	}
	return optest.Case{Op: "Einsum", Opset: 12,
		Attrs:  optest.Attrs{optest.StringAttr("equation", terms[0]+","+terms[1]+"->"+terms[2])},
		Inputs: []*op.Tensor{d.tensor(shapes[0]...), d.tensor(shapes[1]...)}}
}

func (d draw) aDet() optest.Case {
	n := d.between(1, 4)
	return optest.Case{Op: "Det", Opset: 22, Inputs: []*op.Tensor{d.tensor(append(d.shape(d.IntN(3)), n, n)...)}}
}

// anInverse draws matrices far from singular.
func (d draw) anInverse() optest.Case {
	n := d.between(1, 4)
	x := d.inRange(-0.3, 0.3, append(d.shape(d.IntN(3)), n, n)...)
	for i := 0; i < x.Len(); i += n * n {
		for k := range n {
			x.F[i+k*n+(k+1)%n] += 1.5
		}
	}
	return optest.Case{Op: "Inverse", Domain: "com.microsoft", Opset: 1, Inputs: []*op.Tensor{x}}
}

func (d draw) aDistance() optest.Case {
	w := d.between(1, 4)
	return optest.Case{Op: "CDist", Domain: "com.microsoft", Opset: 1,
		Attrs:  d.one("metric", "sqeuclidean", "euclidean"),
		Inputs: []*op.Tensor{d.tensor(d.IntN(4), w), d.tensor(d.between(1, 3), w)}}
}

// aPool draws windows over elements whose order a step does not change.
func aPool(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		list, x := optest.PoolCase(d.Rand, d.between(1, 3))
		d.perhapsEmpty(x)
		c := optest.Case{Op: operator, Opset: 19, Inputs: []*op.Tensor{d.distinct(0.2, x...)}, Attrs: list}
		switch operator {
		case "AveragePool":
			c.Attrs = append(d.flag("count_include_pad"), list...)
			c.Inputs[0] = d.scaled(x...)
		case "LpPool":
			c.Attrs = append(optest.Attrs{optest.IntAttr("p", int64(d.between(1, 3)))}, list...)
			c.Inputs[0] = clearOf(d.tensor(x...), 0.2, 0)
		case "GlobalLpPool":
			c.Attrs, c.Inputs[0] = optest.Attrs{optest.IntAttr("p", int64(d.between(1, 3)))},
				clearOf(d.tensor(x...), 0.2, 0)
		case "GlobalMaxPool", "GlobalAveragePool":
			c.Attrs = nil
		}
		if n := c.Inputs[0].Len(); n > 200 {
			c.Step = 1.0 / 1024 / float64(n) * 200
		}
		return c
	})
}

// aMaxUnpool draws places that no two elements share.
func (d draw) aMaxUnpool() optest.Case {
	h, w := d.between(1, 3), d.between(1, 3)
	places := op.NewTensor(op.Spec{Type: onnx.Int64, Shape: []int{1, 1, h, w}})
	for i, p := range d.Perm(4 * h * w)[:h*w] {
		places.I[i] = int64(p)
	}
	return optest.Case{Op: "MaxUnpool", Opset: 11,
		Attrs:  optest.Attrs{optest.IntsAttr("kernel_shape", 2, 2), optest.IntsAttr("strides", 2, 2)},
		Inputs: []*op.Tensor{d.tensor(1, 1, h, w), places}}
}

// aRoiAlign draws boxes, which have no gradient.
func (d draw) aRoiAlign() optest.Case {
	boxes := floatTensor([]int{2, 4}, d.Float32(), d.Float32(), 3+d.Float32(), 4+d.Float32(), -2, 1.3, 6, 5.2)
	c := optest.Case{Op: "RoiAlign", Opset: []int64{10, 16}[d.IntN(2)], Wrt: []int{0},
		Inputs: []*op.Tensor{d.tensor(2, 2, 5, 6), boxes, optest.IntTensor(int64(d.IntN(2)), 1)},
		Attrs: append(d.one("mode", "avg", "max"),
			optest.IntAttr("sampling_ratio", int64(d.IntN(3))), optest.IntAttr("output_height",
				int64(d.between(1, 3))), optest.IntAttr("output_width", 2), optest.FloatAttr("spatial_scale", 0.8))}
	if string(c.Attrs[0].S) == "max" {
		c.Step, c.Tol = 1.0/4096, 5e-3
	}
	return c
}

func (d draw) aMaxRoiPool() optest.Case {
	boxes := floatTensor([]int{2, 5}, 0, 0, 0, 3, 2, 1, 1, 1, 4, 3)
	return optest.Case{Op: "MaxRoiPool", Opset: 1, Wrt: []int{0}, Step: 1.0 / 1024,
		Inputs: []*op.Tensor{d.distinct(0.2, 2, 1, 4, 5), boxes},
		Attrs:  optest.Attrs{optest.IntsAttr("pooled_shape", int64(d.between(1, 3)), 2)}}
}

var _ = addDraws(map[string]func(d draw) optest.Case{
	"Conv": byAll(draw.aConv), "ConvTranspose": byAll(draw.aConvTranspose),
	"com.microsoft.FusedConv": byAll(draw.aFusedConv),
	"Gemm":                    byAll(draw.aGemm), "com.microsoft.FusedGemm": byAll(draw.aFusedGemm),
	"MatMul":                        byAll(draw.aMatMul),
	"com.microsoft.FusedMatMul":     aFusedMatMul("FusedMatMul"),
	"com.microsoft.TransposeMatMul": aFusedMatMul("TransposeMatMul"),
	"Einsum":                        byAll(draw.anEinsum), "Det": byAll(draw.aDet),
	"com.microsoft.Inverse": byAll(draw.anInverse), "com.microsoft.CDist": byAll(draw.aDistance),
	"MaxPool": aPool("MaxPool"), "AveragePool": aPool("AveragePool"), "LpPool": aPool("LpPool"),
	"GlobalLpPool":  aPool("GlobalLpPool"),
	"GlobalMaxPool": aPool("GlobalMaxPool"), "GlobalAveragePool": aPool("GlobalAveragePool"),
	"MaxUnpool": byAll(draw.aMaxUnpool),
	"RoiAlign":  draw.aRoiAlign, "MaxRoiPool": draw.aMaxRoiPool,
})
