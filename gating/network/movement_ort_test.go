package network

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// TestMovementAgainstRuntime holds the operators that move elements against ONNX Runtime over attributes and shapes
// drawn at random, where ORT_NODE_MODULES names a folder that has it.
//
// Left out is where ONNX Runtime departs from the standard's text or tests: align_corners with a scale that gives no
// whole length, and a region of interest along an axis whose length stays.
func TestMovementAgainstRuntime(t *testing.T) {
	s := startORT(t)
	if s == nil {
		t.Skip("ORT_NODE_MODULES does not name a folder with ONNX Runtime")
	}
	kinds := []func(d draw) gradCase{
		draw.aGather, draw.aGatherND, draw.aScatter, draw.aScatterND, draw.aPad, draw.aSlice, draw.aChoice,
		draw.aTriangle,
		draw.aReversal, draw.aRepetition, draw.aPermutation, draw.aFold, draw.aCrop, draw.aResize, draw.anOldResize,
		draw.aGrid,
	}
	for k, kind := range kinds {
		for seed := range uint64(25) {
			c := kind(newDraw(seed + uint64(k)<<20))
			t.Run(fmt.Sprint(c.op, c.opset), func(t *testing.T) {
				out, err := runNode(c)
				if err != nil {
					t.Fatal(err)
				}
				s.sameAsORT(t, c, out)
				if t.Failed() {
					t.Log(c.attrs)
					for _, v := range c.inputs {
						t.Log(v)
					}
				}
			})
		}
	}
}

// full draws a shape without empty axes.
func (d draw) full(rank int) []int {
	s := d.shape(rank)
	for i := range s {
		s[i] = max(s[i], 1)
	}
	return s
}

// tensor draws a tensor.
func (d draw) tensor(shape ...int) *op.Tensor { return randomTensor(d.Uint64(), shape...) }

func (d draw) flag(name string) attrs { return attrs{intAttr(name, int64(d.IntN(2)))} }

func (d draw) one(name string, of ...string) attrs {
	return attrs{stringAttr(name, of[d.IntN(len(of))])}
}

func (d draw) aGather() gradCase {
	shape := d.full(d.between(1, 4))
	given, axis := d.axis(len(shape))
	c := gradCase{op: "Gather", opset: 13, attrs: attrs{intAttr("axis", given)}}
	index := d.full(d.IntN(3))
	if d.IntN(2) == 0 {
		c.op, index = "GatherElements", slices.Clone(shape)
		index[axis] = d.between(1, 5)
	}
	c.inputs = []*op.Tensor{d.tensor(shape...), shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...)}
	return c
}

func (d draw) aGatherND() gradCase {
	shape := d.full(d.between(1, 4))
	batch := d.IntN(len(shape))
	depth := d.between(1, len(shape)-batch)
	for k := batch; k < batch+depth; k++ {
		shape[k] = 3
	}
	index := append(slices.Clone(shape[:batch]), d.between(1, 3), depth)
	return gradCase{op: "GatherND", opset: 13, attrs: attrs{intAttr("batch_dims", int64(batch))},
		inputs: []*op.Tensor{d.tensor(shape...), shapedInts(index, d.indices(op.SizeOf(index), 3)...)}}
}

func (d draw) aScatter() gradCase {
	shape := d.full(d.between(1, 3))
	given, axis := d.axis(len(shape))
	index := slices.Clone(shape)
	index[axis] = 1 // several updates of one element have no order without a reduction
	return gradCase{op: "ScatterElements", opset: 18,
		attrs: append(d.one("reduction", "none", "add", "mul", "max", "min"), intAttr("axis", given)),
		inputs: []*op.Tensor{d.tensor(shape...),
			shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...), d.tensor(index...)}}
}

func (d draw) aScatterND() gradCase {
	shape := d.full(d.between(1, 3))
	depth := d.between(1, len(shape))
	for k := range depth {
		shape[k] = 3
	}
	return gradCase{op: "ScatterND", opset: 18, attrs: d.one("reduction", "add", "mul", "max", "min"),
		inputs: []*op.Tensor{d.tensor(shape...), shapedInts([]int{4, depth}, d.indices(4*depth, 3)...),
			d.tensor(append([]int{4}, shape[depth:]...)...)}}
}

func (d draw) aPad() gradCase {
	shape := d.full(d.between(1, 4))
	mode := d.one("mode", "constant", "edge", "reflect", "wrap")
	pads := make([]int64, 2*len(shape))
	for k := range pads {
		pads[k] = int64(d.between(0, shape[k%len(shape)]-1))
		if string(mode[0].S) == "constant" && k < len(shape) {
			pads[k] -= int64(shape[k] - 1)
		}
	}
	return gradCase{op: "Pad", opset: 19, attrs: mode, inputs: []*op.Tensor{d.tensor(shape...), intTensor(pads...)}}
}

func (d draw) aSlice() gradCase {
	shape := d.full(d.between(1, 4))
	lists := make([][]int64, 4)
	for k, n := range shape {
		lists[0] = append(lists[0], int64(d.between(-n-2, n+2)))
		lists[1] = append(lists[1], int64(d.between(-n-2, n+2)))
		lists[2] = append(lists[2], int64(k-len(shape)*d.IntN(2)))
		lists[3] = append(lists[3], []int64{-2, -1, 1, 2}[d.IntN(4)])
	}
	c := gradCase{op: "Slice", opset: 13, inputs: []*op.Tensor{d.tensor(shape...)}}
	for _, l := range lists {
		c.inputs = append(c.inputs, intTensor(l...))
	}
	return c
}

func (d draw) aChoice() gradCase {
	shape := d.full(d.between(1, 3))
	given, axis := d.axis(len(shape))
	c := gradCase{op: "TopK", opset: 11, outputs: 2, attrs: append(d.flag("largest"), intAttr("axis", given)),
		inputs: []*op.Tensor{d.tensor(shape...), intTensor(int64(d.between(1, shape[axis])))}}
	if d.IntN(2) == 0 {
		c.op, c.opset, c.outputs = []string{"ArgMax", "ArgMin"}[d.IntN(2)], 13, 1
		c.attrs = append(append(d.flag("keepdims"), d.flag("select_last_index")...), intAttr("axis", given))
		c.inputs = c.inputs[:1]
	}
	return c
}

func (d draw) aTriangle() gradCase {
	if d.IntN(2) == 0 {
		return gradCase{op: "Trilu", opset: 14, attrs: d.flag("upper"),
			inputs: []*op.Tensor{d.tensor(d.full(3)...), shapedInts([]int{}, int64(d.between(-4, 4)))}}
	}
	shape := d.full(d.between(1, 4))
	given, _ := d.axis(len(shape))
	return gradCase{op: "CumSum", opset: 14, attrs: append(d.flag("exclusive"), d.flag("reverse")...),
		inputs: []*op.Tensor{d.tensor(shape...), intTensor(given)}}
}

func (d draw) aReversal() gradCase {
	x := d.tensor(append([]int{3, 4}, d.full(d.IntN(3))...)...)
	if d.IntN(2) == 0 {
		return gradCase{op: "ReverseSequence", opset: 10, inputs: []*op.Tensor{x, intTensor(1, 3, 2, 0)}}
	}
	return gradCase{op: "ReverseSequence", opset: 10, inputs: []*op.Tensor{x, intTensor(4, 3, 2)},
		attrs: attrs{intAttr("batch_axis", 0), intAttr("time_axis", 1)}}
}

func (d draw) aRepetition() gradCase {
	shape := d.full(d.between(1, 4))
	numbers := make([]int64, len(shape))
	for k := range shape {
		numbers[k] = int64(d.between(1, 3))
	}
	if d.IntN(2) == 0 {
		return gradCase{op: "Tile", opset: 13, inputs: []*op.Tensor{d.tensor(shape...), intTensor(numbers...)}}
	}
	target := asInt64s(shape)
	shape[d.IntN(len(shape))] = 1
	return gradCase{op: "Expand", opset: 13,
		inputs: []*op.Tensor{d.tensor(shape...), intTensor(append([]int64{2}, target...)...)}}
}

func (d draw) aPermutation() gradCase {
	switch d.IntN(3) {
	case 0:
		return gradCase{op: "DepthToSpace", opset: 13, attrs: append(d.one("mode", "DCR", "CRD"),
			intAttr("blocksize", 2)), inputs: []*op.Tensor{d.tensor(2, 8, 2, 3)}}
	case 1:
		return gradCase{op: "SpaceToDepth", opset: 13, attrs: attrs{intAttr("blocksize", 2)},
			inputs: []*op.Tensor{d.tensor(2, 3, 4, 6)}}
	}
	rank := d.between(1, 5)
	return gradCase{op: "Transpose", opset: 13, attrs: attrs{intsAttr("perm", asInt64s(d.Perm(rank))...)},
		inputs: []*op.Tensor{d.tensor(d.full(rank)...)}}
}

func (d draw) aFold() gradCase {
	const rank = 2
	var lists [5][]int64 // image, block, strides, dilations and pads
	columns := 1
	for range rank {
		image, block, stride, dilation := d.between(4, 7), d.between(1, 3), d.between(1, 2), d.between(1, 2)
		for i, v := range []int{image, block, stride, dilation} {
			lists[i] = append(lists[i], int64(v))
		}
		lists[4] = append(lists[4], 1)
		columns *= (image+2-dilation*(block-1)-1)/stride + 1
	}
	lists[4] = append(lists[4], lists[4]...)
	rows := 3 * int(lists[1][0]*lists[1][1])
	return gradCase{op: "Col2Im", opset: 18,
		inputs: []*op.Tensor{d.tensor(2, rows, columns), intTensor(lists[0]...), intTensor(lists[1]...)},
		attrs: attrs{intsAttr("strides", lists[2]...),
			intsAttr("dilations", lists[3]...), intsAttr("pads", lists[4]...)}}
}

func (d draw) aCrop() gradCase {
	shape := d.full(3)
	return gradCase{op: "CenterCropPad", opset: 18, attrs: attrs{intsAttr("axes", 0, -1)},
		inputs: []*op.Tensor{d.tensor(shape...), intTensor(int64(d.between(1, 7)), int64(d.between(1, 7)))}}
}

func (d draw) aResize() gradCase {
	h, w := d.between(1, 7), d.between(1, 7)
	transform := d.one("coordinate_transformation_mode", "half_pixel", "pytorch_half_pixel", "align_corners",
		"asymmetric", "half_pixel_symmetric", "tf_crop_and_resize")
	mode := d.one("mode", "nearest", "linear", "cubic")
	c := gradCase{op: "Resize", opset: 19, attrs: append(transform, mode...),
		inputs: []*op.Tensor{d.tensor(1, 2, h, w), nil}}
	cropped, name := string(transform[0].S) == "tf_crop_and_resize", string(mode[0].S)
	switch {
	case name == "nearest":
		c.attrs = append(c.attrs, d.one("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")...)
	case !cropped:
		c.attrs = append(c.attrs, d.flag("antialias")...)
	}
	if name == "cubic" {
		c.attrs = append(append(c.attrs, d.flag("exclude_outside")...), floatAttr("cubic_coeff_a", -0.5))
	}
	if cropped {
		c.attrs = append(c.attrs, floatAttr("extrapolation_value", 10), intsAttr("axes", 2, 3))
		c.inputs[1] = floatTensor([]int{4}, float32(d.between(-1, 3))/10, 0, float32(d.between(8, 12))/10, 0.8)
		c.inputs = append(c.inputs, nil, intTensor(int64(h+d.between(1, 4)), int64(w+d.between(1, 4))))
	} else if string(transform[0].S) == "align_corners" || d.IntN(2) == 0 {
		c.inputs = append(c.inputs, nil, intTensor(1, 2, int64(d.between(1, 12)), int64(d.between(1, 12))))
	} else {
		scale := func() float32 { return []float32{0.5, 0.6, 0.75, 1, 1.5, 2, 2.5, 3}[d.IntN(8)] }
		c.inputs[0] = d.tensor(1, 2, h+1, w+1) // so that half of it is not nothing
		c.inputs = append(c.inputs, floatTensor([]int{4}, 1, 1, scale(), scale()))
	}
	return c
}

func (d draw) anOldResize() gradCase {
	scale := func() float32 { return []float32{1, 1.5, 2, 2.5, 3, 0.5, 0.6, 0.7}[d.IntN(8)] }
	c := gradCase{op: "Resize", opset: 10, attrs: d.one("mode", "nearest", "linear"),
		inputs: []*op.Tensor{d.tensor(1, 2, d.between(2, 6), d.between(2, 6)), nil}}
	c.inputs[1] = floatTensor([]int{4}, 1, 1, scale(), scale())
	if d.IntN(2) == 0 && c.inputs[1].F[2] >= 1 && c.inputs[1].F[3] >= 1 {
		c.op, c.opset = "Upsample", 9
	}
	return c
}

func (d draw) aGrid() gradCase {
	if d.IntN(5) == 0 {
		return gradCase{op: "AffineGrid", opset: 20, attrs: d.flag("align_corners"),
			inputs: []*op.Tensor{d.tensor(2, 2, 3), intTensor(2, 1, int64(d.between(2, 5)), int64(d.between(2, 5)))}}
	}
	n, c := d.between(1, 2), d.between(1, 3)
	g := gradCase{op: "GridSample", opset: 20,
		attrs: append(append(d.one("mode", "linear", "nearest", "cubic"),
			d.one("padding_mode", "zeros", "border", "reflection")...), d.flag("align_corners")...),
		inputs: []*op.Tensor{d.tensor(n, c, d.between(1, 5), d.between(1, 5)),
			d.tensor(n, d.between(1, 4), d.between(1, 4), 2)}}
	if d.IntN(4) == 0 && string(g.attrs[0].S) != "cubic" {
		g.inputs = []*op.Tensor{d.tensor(n, c, d.between(1, 3), d.between(1, 5), d.between(1, 5)),
			d.tensor(n, 2, d.between(1, 4), d.between(1, 4), 3)}
	}
	return g
}
