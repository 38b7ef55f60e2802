package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// only draws until the operator is the one wanted, for draws that choose among several.
func only(op string, f func(d draw) optest.Case) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		for {
			if c := f(d); c.Op == op {
				return c
			}
		}
	})
}

// ofRuntime is a draw with another domain.
func ofRuntime(f func(d draw) optest.Case) func(d draw) optest.Case {
	return func(d draw) optest.Case {
		c := f(d)
		c.Domain, c.Opset = "com.microsoft", 1
		return c
	}
}

// shaped draws the operators that change the shape alone.
func shaped(operator string) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		x := d.small()
		c := optest.Case{Op: operator, Opset: 13, Inputs: []*op.Tensor{d.scaled(x...)}}
		rank := len(x)
		switch operator {
		case "Reshape":
			c.Inputs = append(c.Inputs, shapedInts([]int{1}, -1))
			if op.SizeOf(x) == 0 || d.IntN(2) == 0 {
				c.Opset, c.Attrs = 14, optest.Attrs{optest.IntAttr("allowzero", 1)}
				c.Inputs[1] = optest.IntTensor(append([]int64{1}, asInt64s(x)...)...)
			}
		case "Flatten":
			c.Attrs = optest.Attrs{optest.IntAttr("axis", int64(d.between(-rank, rank)))}
		case "Squeeze":
			x = append([]int{1}, x...)
			c.Inputs = []*op.Tensor{d.scaled(x...), optest.IntTensor(int64(-len(x) * d.IntN(2)))}
		case "Unsqueeze":
			c.Inputs = append(c.Inputs, optest.IntTensor(int64(d.between(-rank-1, rank))))
		}
		return c
	})
}

// byImage is a draw whose other inputs are constants.
func byImage(f func(d draw) optest.Case) func(d draw) optest.Case {
	return func(d draw) optest.Case {
		c := f(d)
		c.Wrt = []int{0}
		for i := range c.Inputs[1:] {
			c.Known = append(c.Known, i+1)
		}
		return c
	}
}

func (d draw) anIdentity() optest.Case {
	return optest.Case{Op: "Identity", Opset: 16, Inputs: []*op.Tensor{d.scaled(d.small()...)}}
}

func (d draw) aDropout() optest.Case {
	return optest.Case{Op: "Dropout", Opset: []int64{7, 10, 13}[d.IntN(3)], Outputs: d.between(1, 2),
		Inputs: []*op.Tensor{d.scaled(d.small()...)}}
}

func (d draw) aConcat() optest.Case {
	shape := d.shape(d.between(1, 4))
	given, axis := d.axis(len(shape))
	c := optest.Case{Op: "Concat", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("axis", given)}}
	for range d.between(1, 4) {
		s := slices.Clone(shape)
		s[axis] = d.IntN(4)
		c.Inputs = append(c.Inputs, d.tensor(s...))
	}
	return c
}

func (d draw) aSplit() optest.Case {
	shape := d.shape(d.between(1, 4))
	given, axis := d.axis(len(shape))
	c := optest.Case{Op: "Split", Opset: 13,
		Attrs: optest.Attrs{optest.IntAttr("axis", given)}, Outputs: d.between(1, 3)}
	var sizes []int64
	shape[axis] = 0
	for range c.Outputs {
		sizes = append(sizes, int64(d.IntN(4)))
		shape[axis] += int(sizes[len(sizes)-1])
	}
	c.Inputs = []*op.Tensor{d.tensor(shape...), optest.IntTensor(sizes...)}
	if d.IntN(3) == 0 {
		shape[axis] = 5
		c.Opset, c.Inputs = 18, []*op.Tensor{d.tensor(shape...)}
		c.Attrs = append(c.Attrs, optest.IntAttr("num_outputs", int64(c.Outputs)))
	}
	return c
}

// aScatterClear draws updates that neither meet nor equal what they are compared with.
func aScatterClear(op string, form func(d draw) optest.Case) func(d draw) optest.Case {
	return byAll(func(d draw) optest.Case {
		c := form(d)
		all := d.distinct(0.2, c.Inputs[0].Len()+c.Inputs[2].Len())
		copy(c.Inputs[0].F, all.F)
		copy(c.Inputs[2].F, all.F[c.Inputs[0].Len():])
		if c.Op = op; op == "Scatter" {
			c.Opset, c.Attrs = 9, c.Attrs[1:]
		}
		return c
	})
}

// aTopK draws elements whose order a step does not change.
func (d draw) aTopK() optest.Case {
	for {
		if c := d.aChoice(); c.Op == "TopK" {
			c.Inputs[0] = d.distinct(0.2, c.Inputs[0].Shape...)
			return c
		}
	}
}

func (d draw) aTile1() optest.Case {
	shape := d.full(d.between(1, 4))
	return optest.Case{Op: "Tile", Opset: 1, Inputs: []*op.Tensor{d.tensor(shape...), scalarInt(int64(d.between(1, 3))),
		scalarInt(int64(d.IntN(len(shape))))}}
}

func (d draw) aPadWithValue() optest.Case {
	c := d.aPad()
	if string(c.Attrs[0].S) == "constant" {
		c.Inputs = append(c.Inputs, floatTensor([]int{}, 1.5))
	}
	return c
}

func (d draw) aCompress() optest.Case {
	shape := d.full(d.between(1, 3))
	given, axis := d.axis(len(shape))
	c := optest.Case{Op: "Compress", Opset: 11, Attrs: optest.Attrs{optest.IntAttr("axis", given)}}
	n := shape[axis]
	if d.IntN(3) == 0 {
		c.Attrs, n = nil, op.SizeOf(shape)
	}
	keep := op.NewTensor(op.Spec{Type: onnx.Bool, Shape: []int{n}})
	for i := range keep.I {
		keep.I[i] = int64(d.IntN(2))
	}
	c.Inputs = []*op.Tensor{d.tensor(shape...), keep}
	return c
}

func (d draw) anImageCrop() optest.Case {
	return optest.Case{Op: "Crop", Opset: 1,
		Attrs:  optest.Attrs{optest.IntsAttr("border", int64(d.IntN(2)), 1, int64(d.IntN(3)), 0)},
		Inputs: []*op.Tensor{d.tensor(2, 1, d.between(2, 4), d.between(3, 5))}}
}

// aSmoothGrid draws points that a step does not take across a pixel or a border.
func (d draw) aSmoothGrid() optest.Case {
	n, h, w := d.between(1, 2), d.between(2, 5), d.between(2, 5)
	c := optest.Case{Op: "GridSample", Opset: 20, Step: 1.0 / 512,
		Attrs: append(append(d.one("mode", "linear", "cubic"),
			d.one("padding_mode", "zeros", "border", "reflection")...), optest.IntAttr("align_corners", 1)),
		Inputs: []*op.Tensor{d.tensor(n, d.between(1, 2), h, w),
			op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{n, 2, 3, 2}})}}
	for i := range c.Inputs[1].F {
		size := []int{w, h}[i%2]
		pixel := float64(d.IntN(size+1)) - 1 + 0.2 + 0.6*d.Float64()
		c.Inputs[1].F[i] = float32(2*pixel/float64(size-1) - 1)
	}
	return c
}

// aNearGrid draws points for which only the image has a slope.
func (d draw) aNearGrid() optest.Case {
	c := d.aSmoothGrid()
	c.Attrs[0], c.Wrt = optest.StringAttr("mode", "nearest"), []int{0}
	return c
}

func (d draw) aGridSample() optest.Case {
	if d.IntN(4) == 0 {
		return d.aNearGrid()
	}
	c := d.aSmoothGrid()
	c.Wrt = []int{0, 1}
	return c
}

// aRuntimeGrid draws modes by the names that ONNX Runtime's form has.
func (d draw) aRuntimeGrid() optest.Case {
	c := d.aSmoothGrid()
	c.Attrs[0] = d.one("mode", "bilinear", "bicubic")[0]
	c.Domain, c.Opset, c.Wrt = "com.microsoft", 1, []int{0, 1}
	return c
}

func (d draw) anExpandDims() optest.Case {
	shape := d.small()
	return optest.Case{Op: "ExpandDims", Domain: "com.microsoft", Opset: 1,
		Inputs: []*op.Tensor{d.scaled(shape...), scalarInt(int64(d.between(-len(shape)-1, len(shape))))}}
}

func (d draw) aZipMap() optest.Case {
	x := d.scaled(d.between(1, 4), d.between(1, 4))
	return optest.Case{Op: "ZipMap", Domain: "ai.onnx.ml", Opset: 1, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{optest.IntsAttr("classlabels_int64s", make([]int64, x.Shape[1])...)}}
}

var _ = addDraws(map[string]func(d draw) optest.Case{
	"ai.onnx.ml.ZipMap": byAll(draw.aZipMap),
	"Reshape":           shaped("Reshape"), "Flatten": shaped("Flatten"), "Squeeze": shaped("Squeeze"),
	"Unsqueeze": shaped("Unsqueeze"),
	"Identity":  byAll(draw.anIdentity), "Dropout": byAll(draw.aDropout), "Concat": byAll(draw.aConcat),
	"Split":     byAll(draw.aSplit),
	"Transpose": only("Transpose", draw.aPermutation), "DepthToSpace": only("DepthToSpace", draw.aPermutation),
	"SpaceToDepth": only("SpaceToDepth", draw.aPermutation),
	"Gather":       only("Gather", draw.aGather), "GatherElements": only("GatherElements", draw.aGather),
	"GatherND":        byAll(draw.aGatherND),
	"ScatterElements": aScatterClear("ScatterElements", draw.aScatter),
	"Scatter":         aScatterClear("Scatter", draw.aScatter),
	"ScatterND":       aScatterClear("ScatterND", draw.aScatterND),
	"Slice":           byAll(draw.aSlice), "Pad": byAll(draw.aPadWithValue), "CenterCropPad": byAll(draw.aCrop),
	"Expand": only("Expand", draw.aRepetition),
	"Tile":   only("Tile", draw.aRepetition), "Tile@1": byAll(draw.aTile1), "TopK": byAll(draw.aTopK),
	"CumSum": only("CumSum", draw.aTriangle),
	"Trilu":  only("Trilu", draw.aTriangle), "ReverseSequence": byAll(draw.aReversal),
	"Compress":   byAll(draw.aCompress),
	"Col2Im":     byAll(draw.aFold),
	"Resize":     byImage(draw.aResize),
	"Upsample":   func(d draw) optest.Case { return byImage(only("Upsample", draw.anOldResize))(d) },
	"GridSample": draw.aGridSample, "AffineGrid": only("AffineGrid", draw.aGrid), "Crop": byAll(draw.anImageCrop),
	"com.microsoft.GatherND": ofRuntime(byAll(draw.aGatherND)),
	"com.microsoft.Pad":      ofRuntime(byAll(draw.aPadWithValue)),
	"com.microsoft.Trilu":    ofRuntime(only("Trilu", draw.aTriangle)), "com.microsoft.GridSample": draw.aRuntimeGrid,
	"com.microsoft.ExpandDims": byAll(draw.anExpandDims),
})
