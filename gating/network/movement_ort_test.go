package network

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
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
	kinds := []func(d draw) optest.Case{
		draw.aGather, draw.aGatherND, draw.aScatter, draw.aScatterND, draw.aPad, draw.aSlice, draw.aChoice,
		draw.aTriangle,
		draw.aReversal, draw.aRepetition, draw.aPermutation, draw.aFold, draw.aCrop, draw.aResize, draw.anOldResize,
		draw.aGrid,
	}
	for k, kind := range kinds {
		for seed := range uint64(25) {
			c := kind(newDraw(seed + uint64(k)<<20))
			t.Run(fmt.Sprint(c.Op, c.Opset), func(t *testing.T) {
				out, err := runNode(c)
				if err != nil {
					t.Fatal(err)
				}
				s.sameAsORT(t, c, out)
				if t.Failed() {
					t.Log(c.Attrs)
					for _, v := range c.Inputs {
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
func (d draw) tensor(shape ...int) *op.Tensor { return optest.RandomTensor(d.Uint64(), shape...) }

func (d draw) flag(name string) optest.Attrs {
	return optest.Attrs{optest.IntAttr(name, int64(d.IntN(2)))}
}

func (d draw) one(name string, of ...string) optest.Attrs {
	return optest.Attrs{optest.StringAttr(name, of[d.IntN(len(of))])}
}

func (d draw) aGather() optest.Case {
	shape := d.full(d.between(1, 4))
	given, axis := d.axis(len(shape))
	c := optest.Case{Op: "Gather", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("axis", given)}}
	index := d.full(d.IntN(3))
	if d.IntN(2) == 0 {
		c.Op, index = "GatherElements", slices.Clone(shape)
		index[axis] = d.between(1, 5)
	}
	c.Inputs = []*op.Tensor{d.tensor(shape...), shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...)}
	return c
}

func (d draw) aGatherND() optest.Case {
	shape := d.full(d.between(1, 4))
	batch := d.IntN(len(shape))
	depth := d.between(1, len(shape)-batch)
	for k := batch; k < batch+depth; k++ {
		shape[k] = 3
	}
	index := append(slices.Clone(shape[:batch]), d.between(1, 3), depth)
	return optest.Case{Op: "GatherND", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("batch_dims", int64(batch))},
		Inputs: []*op.Tensor{d.tensor(shape...), shapedInts(index, d.indices(op.SizeOf(index), 3)...)}}
}

func (d draw) aScatter() optest.Case {
	shape := d.full(d.between(1, 3))
	given, axis := d.axis(len(shape))
	index := slices.Clone(shape)
	index[axis] = 1 // several updates of one element have no order without a reduction
	return optest.Case{Op: "ScatterElements", Opset: 18,
		Attrs: append(d.one("reduction", "none", "add", "mul", "max", "min"), optest.IntAttr("axis", given)),
		Inputs: []*op.Tensor{d.tensor(shape...),
			shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...), d.tensor(index...)}}
}

func (d draw) aScatterND() optest.Case {
	shape := d.full(d.between(1, 3))
	depth := d.between(1, len(shape))
	for k := range depth {
		shape[k] = 3
	}
	return optest.Case{Op: "ScatterND", Opset: 18, Attrs: d.one("reduction", "add", "mul", "max", "min"),
		Inputs: []*op.Tensor{d.tensor(shape...), shapedInts([]int{4, depth}, d.indices(4*depth, 3)...),
			d.tensor(append([]int{4}, shape[depth:]...)...)}}
}

func (d draw) aPad() optest.Case {
	shape := d.full(d.between(1, 4))
	mode := d.one("mode", "constant", "edge", "reflect", "wrap")
	pads := make([]int64, 2*len(shape))
	for k := range pads {
		pads[k] = int64(d.between(0, shape[k%len(shape)]-1))
		if string(mode[0].S) == "constant" && k < len(shape) {
			pads[k] -= int64(shape[k] - 1)
		}
	}
	return optest.Case{Op: "Pad", Opset: 19, Attrs: mode,
		Inputs: []*op.Tensor{d.tensor(shape...), optest.IntTensor(pads...)}}
}

func (d draw) aSlice() optest.Case {
	shape := d.full(d.between(1, 4))
	lists := make([][]int64, 4)
	for k, n := range shape {
		lists[0] = append(lists[0], int64(d.between(-n-2, n+2)))
		lists[1] = append(lists[1], int64(d.between(-n-2, n+2)))
		lists[2] = append(lists[2], int64(k-len(shape)*d.IntN(2)))
		lists[3] = append(lists[3], []int64{-2, -1, 1, 2}[d.IntN(4)])
	}
	c := optest.Case{Op: "Slice", Opset: 13, Inputs: []*op.Tensor{d.tensor(shape...)}}
	for _, l := range lists {
		c.Inputs = append(c.Inputs, optest.IntTensor(l...))
	}
	return c
}

func (d draw) aChoice() optest.Case {
	shape := d.full(d.between(1, 3))
	given, axis := d.axis(len(shape))
	c := optest.Case{Op: "TopK", Opset: 11, Outputs: 2, Attrs: append(d.flag("largest"), optest.IntAttr("axis", given)),
		Inputs: []*op.Tensor{d.tensor(shape...), optest.IntTensor(int64(d.between(1, shape[axis])))}}
	if d.IntN(2) == 0 {
		c.Op, c.Opset, c.Outputs = []string{"ArgMax", "ArgMin"}[d.IntN(2)], 13, 1
		c.Attrs = append(append(d.flag("keepdims"), d.flag("select_last_index")...), optest.IntAttr("axis", given))
		c.Inputs = c.Inputs[:1]
	}
	return c
}

func (d draw) aTriangle() optest.Case {
	if d.IntN(2) == 0 {
		return optest.Case{Op: "Trilu", Opset: 14, Attrs: d.flag("upper"),
			Inputs: []*op.Tensor{d.tensor(d.full(3)...), shapedInts([]int{}, int64(d.between(-4, 4)))}}
	}
	shape := d.full(d.between(1, 4))
	given, _ := d.axis(len(shape))
	return optest.Case{Op: "CumSum", Opset: 14, Attrs: append(d.flag("exclusive"), d.flag("reverse")...),
		Inputs: []*op.Tensor{d.tensor(shape...), optest.IntTensor(given)}}
}

func (d draw) aReversal() optest.Case {
	x := d.tensor(append([]int{3, 4}, d.full(d.IntN(3))...)...)
	if d.IntN(2) == 0 {
		return optest.Case{Op: "ReverseSequence", Opset: 10, Inputs: []*op.Tensor{x, optest.IntTensor(1, 3, 2, 0)}}
	}
	return optest.Case{Op: "ReverseSequence", Opset: 10, Inputs: []*op.Tensor{x, optest.IntTensor(4, 3, 2)},
		Attrs: optest.Attrs{optest.IntAttr("batch_axis", 0), optest.IntAttr("time_axis", 1)}}
}

func (d draw) aRepetition() optest.Case {
	shape := d.full(d.between(1, 4))
	numbers := make([]int64, len(shape))
	for k := range shape {
		numbers[k] = int64(d.between(1, 3))
	}
	if d.IntN(2) == 0 {
		return optest.Case{Op: "Tile", Opset: 13,
			Inputs: []*op.Tensor{d.tensor(shape...), optest.IntTensor(numbers...)}}
	}
	target := asInt64s(shape)
	shape[d.IntN(len(shape))] = 1
	return optest.Case{Op: "Expand", Opset: 13,
		Inputs: []*op.Tensor{d.tensor(shape...), optest.IntTensor(append([]int64{2}, target...)...)}}
}

func (d draw) aPermutation() optest.Case {
	switch d.IntN(3) {
	case 0:
		return optest.Case{Op: "DepthToSpace", Opset: 13, Attrs: append(d.one("mode", "DCR", "CRD"),
			optest.IntAttr("blocksize", 2)), Inputs: []*op.Tensor{d.tensor(2, 8, 2, 3)}}
	case 1:
		return optest.Case{Op: "SpaceToDepth", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("blocksize", 2)},
			Inputs: []*op.Tensor{d.tensor(2, 3, 4, 6)}}
	}
	rank := d.between(1, 5)
	return optest.Case{Op: "Transpose", Opset: 13,
		Attrs:  optest.Attrs{optest.IntsAttr("perm", asInt64s(d.Perm(rank))...)},
		Inputs: []*op.Tensor{d.tensor(d.full(rank)...)}}
}

func (d draw) aFold() optest.Case {
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
	return optest.Case{Op: "Col2Im", Opset: 18,
		Inputs: []*op.Tensor{d.tensor(2, rows, columns), optest.IntTensor(lists[0]...), optest.IntTensor(lists[1]...)},
		Attrs: optest.Attrs{optest.IntsAttr("strides", lists[2]...),
			optest.IntsAttr("dilations", lists[3]...), optest.IntsAttr("pads", lists[4]...)}}
}

func (d draw) aCrop() optest.Case {
	shape := d.full(3)
	return optest.Case{Op: "CenterCropPad", Opset: 18, Attrs: optest.Attrs{optest.IntsAttr("axes", 0, -1)},
		Inputs: []*op.Tensor{d.tensor(shape...), optest.IntTensor(int64(d.between(1, 7)), int64(d.between(1, 7)))}}
}

func (d draw) aResize() optest.Case {
	h, w := d.between(1, 7), d.between(1, 7)
	transform := d.one("coordinate_transformation_mode", "half_pixel", "pytorch_half_pixel", "align_corners",
		"asymmetric", "half_pixel_symmetric", "tf_crop_and_resize")
	mode := d.one("mode", "nearest", "linear", "cubic")
	c := optest.Case{Op: "Resize", Opset: 19, Attrs: append(transform, mode...),
		Inputs: []*op.Tensor{d.tensor(1, 2, h, w), nil}}
	cropped, name := string(transform[0].S) == "tf_crop_and_resize", string(mode[0].S)
	switch {
	case name == "nearest":
		c.Attrs = append(c.Attrs, d.one("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")...)
	case !cropped:
		c.Attrs = append(c.Attrs, d.flag("antialias")...)
	}
	if name == "cubic" {
		c.Attrs = append(append(c.Attrs, d.flag("exclude_outside")...), optest.FloatAttr("cubic_coeff_a", -0.5))
	}
	if cropped {
		c.Attrs = append(c.Attrs, optest.FloatAttr("extrapolation_value", 10), optest.IntsAttr("axes", 2, 3))
		c.Inputs[1] = floatTensor([]int{4}, float32(d.between(-1, 3))/10, 0, float32(d.between(8, 12))/10, 0.8)
		c.Inputs = append(c.Inputs, nil, optest.IntTensor(int64(h+d.between(1, 4)), int64(w+d.between(1, 4))))
	} else if string(transform[0].S) == "align_corners" || d.IntN(2) == 0 {
		c.Inputs = append(c.Inputs, nil, optest.IntTensor(1, 2, int64(d.between(1, 12)), int64(d.between(1, 12))))
	} else {
		scale := func() float32 { return []float32{0.5, 0.6, 0.75, 1, 1.5, 2, 2.5, 3}[d.IntN(8)] }
		c.Inputs[0] = d.tensor(1, 2, h+1, w+1) // so that half of it is not nothing
		c.Inputs = append(c.Inputs, floatTensor([]int{4}, 1, 1, scale(), scale()))
	}
	return c
}

func (d draw) anOldResize() optest.Case {
	scale := func() float32 { return []float32{1, 1.5, 2, 2.5, 3, 0.5, 0.6, 0.7}[d.IntN(8)] }
	c := optest.Case{Op: "Resize", Opset: 10, Attrs: d.one("mode", "nearest", "linear"),
		Inputs: []*op.Tensor{d.tensor(1, 2, d.between(2, 6), d.between(2, 6)), nil}}
	c.Inputs[1] = floatTensor([]int{4}, 1, 1, scale(), scale())
	if d.IntN(2) == 0 && c.Inputs[1].F[2] >= 1 && c.Inputs[1].F[3] >= 1 {
		c.Op, c.Opset = "Upsample", 9
	}
	return c
}

func (d draw) aGrid() optest.Case {
	if d.IntN(5) == 0 {
		return optest.Case{Op: "AffineGrid", Opset: 20, Attrs: d.flag("align_corners"),
			Inputs: []*op.Tensor{d.tensor(2, 2, 3),
				optest.IntTensor(2, 1, int64(d.between(2, 5)), int64(d.between(2, 5)))}}
	}
	n, c := d.between(1, 2), d.between(1, 3)
	g := optest.Case{Op: "GridSample", Opset: 20,
		Attrs: append(append(d.one("mode", "linear", "nearest", "cubic"),
			d.one("padding_mode", "zeros", "border", "reflection")...), d.flag("align_corners")...),
		Inputs: []*op.Tensor{d.tensor(n, c, d.between(1, 5), d.between(1, 5)),
			d.tensor(n, d.between(1, 4), d.between(1, 4), 2)}}
	if d.IntN(4) == 0 && string(g.Attrs[0].S) != "cubic" {
		g.Inputs = []*op.Tensor{d.tensor(n, c, d.between(1, 3), d.between(1, 5), d.between(1, 5)),
			d.tensor(n, 2, d.between(1, 4), d.between(1, 4), 3)}
	}
	return g
}
