package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// only draws until the operator is the one wanted, for draws that choose among several.
func only(op string, f func(d draw) gradCase) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		for {
			if c := f(d); c.op == op {
				return c
			}
		}
	})
}

// ofRuntime is a draw with another domain.
func ofRuntime(f func(d draw) gradCase) func(d draw) gradCase {
	return func(d draw) gradCase {
		c := f(d)
		c.domain, c.opset = "com.microsoft", 1
		return c
	}
}

// shaped draws the operators that change the shape alone.
func shaped(operator string) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		x := d.small()
		c := gradCase{op: operator, opset: 13, inputs: []*op.Tensor{d.scaled(x...)}}
		rank := len(x)
		switch operator {
		case "Reshape":
			c.inputs = append(c.inputs, shapedInts([]int{1}, -1))
			if op.SizeOf(x) == 0 || d.IntN(2) == 0 {
				c.opset, c.attrs = 14, attrs{intAttr("allowzero", 1)}
				c.inputs[1] = intTensor(append([]int64{1}, asInt64s(x)...)...)
			}
		case "Flatten":
			c.attrs = attrs{intAttr("axis", int64(d.between(-rank, rank)))}
		case "Squeeze":
			x = append([]int{1}, x...)
			c.inputs = []*op.Tensor{d.scaled(x...), intTensor(int64(-len(x) * d.IntN(2)))}
		case "Unsqueeze":
			c.inputs = append(c.inputs, intTensor(int64(d.between(-rank-1, rank))))
		}
		return c
	})
}

// byImage is a draw whose other inputs are constants.
func byImage(f func(d draw) gradCase) func(d draw) gradCase {
	return func(d draw) gradCase {
		c := f(d)
		c.wrt = []int{0}
		for i := range c.inputs[1:] {
			c.known = append(c.known, i+1)
		}
		return c
	}
}

func (d draw) anIdentity() gradCase {
	return gradCase{op: "Identity", opset: 16, inputs: []*op.Tensor{d.scaled(d.small()...)}}
}

func (d draw) aDropout() gradCase {
	return gradCase{op: "Dropout", opset: []int64{7, 10, 13}[d.IntN(3)], outputs: d.between(1, 2),
		inputs: []*op.Tensor{d.scaled(d.small()...)}}
}

func (d draw) aConcat() gradCase {
	shape := d.shape(d.between(1, 4))
	given, axis := d.axis(len(shape))
	c := gradCase{op: "Concat", opset: 13, attrs: attrs{intAttr("axis", given)}}
	for range d.between(1, 4) {
		s := slices.Clone(shape)
		s[axis] = d.IntN(4)
		c.inputs = append(c.inputs, d.tensor(s...))
	}
	return c
}

func (d draw) aSplit() gradCase {
	shape := d.shape(d.between(1, 4))
	given, axis := d.axis(len(shape))
	c := gradCase{op: "Split", opset: 13, attrs: attrs{intAttr("axis", given)}, outputs: d.between(1, 3)}
	var sizes []int64
	shape[axis] = 0
	for range c.outputs {
		sizes = append(sizes, int64(d.IntN(4)))
		shape[axis] += int(sizes[len(sizes)-1])
	}
	c.inputs = []*op.Tensor{d.tensor(shape...), intTensor(sizes...)}
	if d.IntN(3) == 0 {
		shape[axis] = 5
		c.opset, c.inputs = 18, []*op.Tensor{d.tensor(shape...)}
		c.attrs = append(c.attrs, intAttr("num_outputs", int64(c.outputs)))
	}
	return c
}

// aScatterClear draws updates that neither meet nor equal what they are compared with.
func aScatterClear(op string, form func(d draw) gradCase) func(d draw) gradCase {
	return byAll(func(d draw) gradCase {
		c := form(d)
		all := d.distinct(0.2, c.inputs[0].Len()+c.inputs[2].Len())
		copy(c.inputs[0].F, all.F)
		copy(c.inputs[2].F, all.F[c.inputs[0].Len():])
		if c.op = op; op == "Scatter" {
			c.opset, c.attrs = 9, c.attrs[1:]
		}
		return c
	})
}

// aTopK draws elements whose order a step does not change.
func (d draw) aTopK() gradCase {
	for {
		if c := d.aChoice(); c.op == "TopK" {
			c.inputs[0] = d.distinct(0.2, c.inputs[0].Shape...)
			return c
		}
	}
}

func (d draw) aTile1() gradCase {
	shape := d.full(d.between(1, 4))
	return gradCase{op: "Tile", opset: 1, inputs: []*op.Tensor{d.tensor(shape...), scalarInt(int64(d.between(1, 3))),
		scalarInt(int64(d.IntN(len(shape))))}}
}

func (d draw) aPadWithValue() gradCase {
	c := d.aPad()
	if string(c.attrs[0].S) == "constant" {
		c.inputs = append(c.inputs, floatTensor([]int{}, 1.5))
	}
	return c
}

func (d draw) aCompress() gradCase {
	shape := d.full(d.between(1, 3))
	given, axis := d.axis(len(shape))
	c := gradCase{op: "Compress", opset: 11, attrs: attrs{intAttr("axis", given)}}
	n := shape[axis]
	if d.IntN(3) == 0 {
		c.attrs, n = nil, op.SizeOf(shape)
	}
	keep := op.NewTensor(op.Spec{Type: onnx.Bool, Shape: []int{n}})
	for i := range keep.I {
		keep.I[i] = int64(d.IntN(2))
	}
	c.inputs = []*op.Tensor{d.tensor(shape...), keep}
	return c
}

func (d draw) anImageCrop() gradCase {
	return gradCase{op: "Crop", opset: 1, attrs: attrs{intsAttr("border", int64(d.IntN(2)), 1, int64(d.IntN(3)), 0)},
		inputs: []*op.Tensor{d.tensor(2, 1, d.between(2, 4), d.between(3, 5))}}
}

// aSmoothGrid draws points that a step does not take across a pixel or a border.
func (d draw) aSmoothGrid() gradCase {
	n, h, w := d.between(1, 2), d.between(2, 5), d.between(2, 5)
	c := gradCase{op: "GridSample", opset: 20, step: 1.0 / 512,
		attrs: append(append(d.one("mode", "linear", "cubic"),
			d.one("padding_mode", "zeros", "border", "reflection")...), intAttr("align_corners", 1)),
		inputs: []*op.Tensor{d.tensor(n, d.between(1, 2), h, w),
			op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{n, 2, 3, 2}})}}
	for i := range c.inputs[1].F {
		size := []int{w, h}[i%2]
		pixel := float64(d.IntN(size+1)) - 1 + 0.2 + 0.6*d.Float64()
		c.inputs[1].F[i] = float32(2*pixel/float64(size-1) - 1)
	}
	return c
}

// aNearGrid draws points for which only the image has a slope.
func (d draw) aNearGrid() gradCase {
	c := d.aSmoothGrid()
	c.attrs[0], c.wrt = stringAttr("mode", "nearest"), []int{0}
	return c
}

func (d draw) aGridSample() gradCase {
	if d.IntN(4) == 0 {
		return d.aNearGrid()
	}
	c := d.aSmoothGrid()
	c.wrt = []int{0, 1}
	return c
}

// aRuntimeGrid draws modes by the names that ONNX Runtime's form has.
func (d draw) aRuntimeGrid() gradCase {
	c := d.aSmoothGrid()
	c.attrs[0] = d.one("mode", "bilinear", "bicubic")[0]
	c.domain, c.opset, c.wrt = "com.microsoft", 1, []int{0, 1}
	return c
}

func (d draw) anExpandDims() gradCase {
	shape := d.small()
	return gradCase{op: "ExpandDims", domain: "com.microsoft", opset: 1,
		inputs: []*op.Tensor{d.scaled(shape...), scalarInt(int64(d.between(-len(shape)-1, len(shape))))}}
}

var _ = addDraws(map[string]func(d draw) gradCase{
	"Reshape": shaped("Reshape"), "Flatten": shaped("Flatten"), "Squeeze": shaped("Squeeze"),
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
	"Upsample":   func(d draw) gradCase { return byImage(only("Upsample", draw.anOldResize))(d) },
	"GridSample": draw.aGridSample, "AffineGrid": only("AffineGrid", draw.aGrid), "Crop": byAll(draw.anImageCrop),
	"com.microsoft.GatherND": ofRuntime(byAll(draw.aGatherND)),
	"com.microsoft.Pad":      ofRuntime(byAll(draw.aPadWithValue)),
	"com.microsoft.Trilu":    ofRuntime(only("Trilu", draw.aTriangle)), "com.microsoft.GridSample": draw.aRuntimeGrid,
	"com.microsoft.ExpandDims": byAll(draw.anExpandDims),
})
