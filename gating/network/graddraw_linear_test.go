package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// perhapsEmpty makes the batch empty now and then.
func (d draw) perhapsEmpty(shape []int) {
	if d.IntN(8) == 0 {
		shape[0] = 0
	}
}

func (d draw) aConv() gradCase {
	list, x, w := convCase(d.Rand, d.between(1, 3))
	d.perhapsEmpty(x)
	c := gradCase{op: "Conv", opset: 11, attrs: list, inputs: []*op.Tensor{d.scaled(x...), d.scaled(w...)}}
	if d.IntN(2) == 0 {
		c.inputs = append(c.inputs, d.tensor(w[0]))
	}
	return c
}

func (d draw) aConvTranspose() gradCase {
	list, x, w := transposeCase(d.Rand, d.between(1, 3))
	d.perhapsEmpty(x)
	c := gradCase{op: "ConvTranspose", opset: 11, attrs: list, inputs: []*op.Tensor{d.scaled(x...), d.scaled(w...)}}
	if d.IntN(2) == 0 {
		c.inputs = append(c.inputs, d.tensor(w[1]*int(list[0].GetI())))
	}
	return c
}

// aFusedConv draws activations clear of their kinks by adding a residual that is far from them.
func (d draw) aFusedConv() gradCase {
	x, w := d.inRange(-0.3, 0.3, 1, 2, 3, 4), d.inRange(-0.3, 0.3, 3, 2, 2, 2)
	z := d.tensor(1, 3, 2, 3)
	for i, v := range z.F {
		z.F[i] = 1
		if v < 0 {
			z.F[i] = -1
		}
	}
	c := gradCase{op: "FusedConv", domain: "com.microsoft", opset: 1,
		attrs:  d.one("activation", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip", "HardSigmoid"),
		inputs: []*op.Tensor{x, w, d.inRange(-0.2, 0.2, 3), z}}
	if string(c.attrs[0].S) == "Clip" {
		c.attrs = append(c.attrs, floatsAttr("activation_params", -3, 0))
	}
	return c
}

func (d draw) aGemm() gradCase {
	m, k, n := d.IntN(4), d.IntN(4), d.between(1, 4)
	a, b := []int{m, k}, []int{k, n}
	c := gradCase{op: "Gemm", opset: 13,
		attrs: append(append(d.flag("transA"), d.flag("transB")...), floatAttr("alpha", 0.7), floatAttr("beta", -1.3))}
	for i, s := range [][]int{a, b} {
		if c.attrs[i].GetI() != 0 {
			slices.Reverse(s)
		}
		c.inputs = append(c.inputs, d.scaled(s...))
	}
	if shapes := [][]int{{m, n}, {n}, {1, n}, {m, 1}, {}}; d.IntN(4) > 0 {
		c.inputs = append(c.inputs, d.tensor(shapes[d.IntN(len(shapes))]...))
	}
	return c
}

func (d draw) aFusedGemm() gradCase {
	c := d.aGemm()
	c.op, c.domain, c.opset = "FusedGemm", "com.microsoft", 1
	c.attrs = append(c.attrs, d.one("activation", "Tanh", "Sigmoid")...)
	for i, v := range c.inputs {
		c.inputs[i] = d.inRange(-1, 1, v.Shape...)
	}
	return c
}

func (d draw) aMatMul() gradCase {
	_, shapes := pairShapes(d.Rand, 6)
	m, k, n := d.IntN(4), d.between(0, 4), d.between(1, 3)
	a, b := append(slices.Clone(shapes[0]), m, k), append(slices.Clone(shapes[1]), k, n)
	switch d.IntN(6) {
	case 0:
		a = []int{k}
	case 1:
		b = []int{k}
	}
	return gradCase{op: "MatMul", opset: 13, inputs: []*op.Tensor{d.scaled(a...), d.scaled(b...)}}
}

// aFusedMatMul draws which operands are transposed.
func aFusedMatMul(op string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		b, m, k, n := d.between(1, 2), d.between(1, 3), d.between(1, 4), d.between(1, 3)
		c := gradCase{op: op, domain: "com.microsoft", opset: 1,
			attrs: append(append(d.flag("transA"), d.flag("transB")...), floatAttr("alpha", 0.4))}
		for i, s := range [][]int{{m, k}, {k, n}} {
			if c.attrs[i].GetI() != 0 {
				slices.Reverse(s)
			}
			c.inputs = append(c.inputs, d.scaled(append([]int{b}, s...)...))
		}
		return c
	})
}

// anEinsum draws a contraction of two operands: every letter stands in one of them, in both, or in the output too.
func (d draw) anEinsum() gradCase {
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
	return gradCase{op: "Einsum", opset: 12, attrs: attrs{stringAttr("equation", terms[0]+","+terms[1]+"->"+terms[2])},
		inputs: []*op.Tensor{d.tensor(shapes[0]...), d.tensor(shapes[1]...)}}
}

func (d draw) aDet() gradCase {
	n := d.between(1, 4)
	return gradCase{op: "Det", opset: 22, inputs: []*op.Tensor{d.tensor(append(d.shape(d.IntN(3)), n, n)...)}}
}

// anInverse draws matrices far from singular.
func (d draw) anInverse() gradCase {
	n := d.between(1, 4)
	x := d.inRange(-0.3, 0.3, append(d.shape(d.IntN(3)), n, n)...)
	for i := 0; i < x.Len(); i += n * n {
		for k := range n {
			x.F[i+k*n+(k+1)%n] += 1.5
		}
	}
	return gradCase{op: "Inverse", domain: "com.microsoft", opset: 1, inputs: []*op.Tensor{x}}
}

func (d draw) aDistance() gradCase {
	w := d.between(1, 4)
	return gradCase{op: "CDist", domain: "com.microsoft", opset: 1, attrs: d.one("metric", "sqeuclidean", "euclidean"),
		inputs: []*op.Tensor{d.tensor(d.IntN(4), w), d.tensor(d.between(1, 3), w)}}
}

// aPool draws windows over elements whose order a step does not change.
func aPool(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		list, x := poolCase(d.Rand, d.between(1, 3))
		d.perhapsEmpty(x)
		c := gradCase{op: operator, opset: 19, inputs: []*op.Tensor{d.distinct(0.2, x...)}, attrs: list}
		switch operator {
		case "AveragePool":
			c.attrs = append(d.flag("count_include_pad"), list...)
			c.inputs[0] = d.scaled(x...)
		case "LpPool":
			c.attrs = append(attrs{intAttr("p", int64(d.between(1, 3)))}, list...)
			c.inputs[0] = clearOf(d.tensor(x...), 0.2, 0)
		case "GlobalLpPool":
			c.attrs, c.inputs[0] = attrs{intAttr("p", int64(d.between(1, 3)))}, clearOf(d.tensor(x...), 0.2, 0)
		case "GlobalMaxPool", "GlobalAveragePool":
			c.attrs = nil
		}
		if n := c.inputs[0].Len(); n > 200 {
			c.step = 1.0 / 1024 / float64(n) * 200
		}
		return c
	})
}

// aMaxUnpool draws places that no two elements share.
func (d draw) aMaxUnpool() gradCase {
	h, w := d.between(1, 3), d.between(1, 3)
	places := op.NewTensor(op.Spec{Type: onnx.Int64, Shape: []int{1, 1, h, w}})
	for i, p := range d.Perm(4 * h * w)[:h*w] {
		places.I[i] = int64(p)
	}
	return gradCase{op: "MaxUnpool", opset: 11, attrs: attrs{intsAttr("kernel_shape", 2, 2), intsAttr("strides", 2, 2)},
		inputs: []*op.Tensor{d.tensor(1, 1, h, w), places}}
}

// aRoiAlign draws boxes, which have no gradient.
func (d draw) aRoiAlign() gradCase {
	boxes := floatTensor([]int{2, 4}, d.Float32(), d.Float32(), 3+d.Float32(), 4+d.Float32(), -2, 1.3, 6, 5.2)
	c := gradCase{op: "RoiAlign", opset: []int64{10, 16}[d.IntN(2)], wrt: []int{0},
		inputs: []*op.Tensor{d.tensor(2, 2, 5, 6), boxes, intTensor(int64(d.IntN(2)), 1)},
		attrs: append(d.one("mode", "avg", "max"), intAttr("sampling_ratio", int64(d.IntN(3))), intAttr("output_height",
			int64(d.between(1, 3))), intAttr("output_width", 2), floatAttr("spatial_scale", 0.8))}
	if string(c.attrs[0].S) == "max" {
		c.step, c.tol = 1.0/4096, 5e-3
	}
	return c
}

func (d draw) aMaxRoiPool() gradCase {
	boxes := floatTensor([]int{2, 5}, 0, 0, 0, 3, 2, 1, 1, 1, 4, 3)
	return gradCase{op: "MaxRoiPool", opset: 1, wrt: []int{0}, step: 1.0 / 1024,
		inputs: []*op.Tensor{d.distinct(0.2, 2, 1, 4, 5), boxes},
		attrs:  attrs{intsAttr("pooled_shape", int64(d.between(1, 3)), 2)}}
}

var _ = addDraws(map[string]func(d draw) gradCase{
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
