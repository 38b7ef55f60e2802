package network

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// deformed is a sum over 2x2 windows of the numbers from 0 to 8 with two of its samples moved.
func deformed(pad int64, size int, moves map[int]float32) gradCase {
	x, w, offset := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{1, 1, 3, 3}}),
		op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{1, 1, 2, 2}}),
		op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{1, 8, size, size}})
	for i := range x.F {
		x.F[i] = float32(i)
	}
	for i := range w.F {
		w.F[i] = 1
	}
	for at, by := range moves {
		offset.F[at] = by
	}
	return gradCase{op: "DeformConv", opset: 19, inputs: []*op.Tensor{x, w, offset},
		attrs: attrs{intsAttr("kernel_shape", 2, 2), intsAttr("pads", pad, pad, pad, pad)}}
}

func TestDeformConv(t *testing.T) {
	expectNode(t, "padded", deformed(1, 4, map[int]float32{0: 0.5, 5*16 + 4 + 2: -0.1}),
		floatTensor([]int{1, 1, 4, 4}, 0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8))
	c := deformed(0, 2, map[int]float32{0: 0.5, 5*4 + 1: -0.1})
	expectNode(t, "plain", c, floatTensor([]int{1, 1, 2, 2}, 9.5, 11.9, 20, 24))
	mask := floatTensor([]int{1, 4, 2, 2}, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.2, 1, 1, 1, 1)
	c.inputs = append(c.inputs, floatTensor([]int{1}, 1), mask)
	expectNode(t, "masked", c, floatTensor([]int{1, 1, 2, 2}, 10.5, 12.9, 21, 19.4))
}

// TestDeformConvWithoutOffsets is Conv.
func TestDeformConvWithoutOffsets(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		c := d.aDeformConv()
		clear(c.inputs[2].F)
		c.inputs = c.inputs[:min(len(c.inputs), 4)]
		got, err := runNode(c)
		if err != nil {
			t.Fatal(err)
		}
		c.op, c.inputs = "Conv", append(c.inputs[:2:2], c.inputs[3:]...)
		want, err := runNode(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := compare(got[0], want[0], 1e-5, 1e-5); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func TestDeformConvRefusals(t *testing.T) {
	c := deformed(0, 2, nil)
	x, w, offset := c.inputs[0], c.inputs[1], c.inputs[2]
	checkRefusals(t, []refusal{
		{"DeformConv", 19, attrs{intAttr("offset_group", 2)}, c.inputs, "offset_group is 2"},
		{"DeformConv", 19, attrs{intAttr("offset_group", -1)}, c.inputs, "offset_group is -1"},
		{"DeformConv", 19, attrs{intsAttr("pads", 1, 1, 1, 1)}, c.inputs, "want [1 8 4 4]"},
		{"DeformConv", 19, nil, []*op.Tensor{x, w, offset, nil, offset}, "want [1 4 2 2]"},
		{"DeformConv", 19, nil, []*op.Tensor{randomTensor(1, 1, 1, 3), w, offset}, "only images"},
		{"DeformConv", 19, nil, []*op.Tensor{x, w}, "input 2 is missing"},
	})
}

func TestCumProd(t *testing.T) {
	x := floatTensor([]int{5}, 1, 2, 3, 4, 5)
	exclusive, reverse := intAttr("exclusive", 1), intAttr("reverse", 1)
	for name, c := range map[string]struct {
		attrs attrs
		want  []float32
	}{
		"plain":     {nil, []float32{1, 2, 6, 24, 120}},
		"exclusive": {attrs{exclusive}, []float32{1, 1, 2, 6, 24}},
		"reverse":   {attrs{reverse}, []float32{120, 120, 60, 20, 5}},
		"both":      {attrs{exclusive, reverse}, []float32{120, 60, 20, 5, 1}},
	} {
		expectNode(t, name, gradCase{op: "CumProd", opset: 26, inputs: []*op.Tensor{x, scalarInt(0)},
			attrs: c.attrs}, floatTensor([]int{5}, c.want...))
	}
	ints := gradCase{op: "CumProd", opset: 26,
		inputs: []*op.Tensor{shapedInts([]int{2, 3}, 1, 2, 3, 4, 5, 6), scalarInt(-2)}}
	expectNode(t, "integers", ints, shapedInts([]int{2, 3}, 1, 2, 3, 4, 10, 18))
}

func TestBitCast(t *testing.T) {
	typed := func(dt onnx.DataType, v ...int64) *op.Tensor { return &op.Tensor{Type: dt, Shape: []int{len(v)}, I: v} }
	floats := func(dt onnx.DataType, v ...float32) *op.Tensor {
		return &op.Tensor{Type: dt, Shape: []int{len(v)}, F: v}
	}
	for _, pair := range [][2]*op.Tensor{
		{floats(onnx.Float32, 1, -2.5, 3.75), typed(onnx.Int32, 1065353216, -1071644672, 1081081856)},
		{floats(onnx.Float64, 1, -2.5, 3.75),
			typed(onnx.Int64, 4607182418800017408, -4610560118520545280, 4615626668101337088)},
		{floats(onnx.BFloat16, 1, -2), typed(onnx.Uint16, 0x3f80, 0xc000)},
		{floats(onnx.Float16, 1, -2), typed(onnx.Int16, 0x3c00, -0x4000)},
		{typed(onnx.Int8, -1, -128, 127, 0), typed(onnx.Uint8, 255, 128, 127, 0)},
		{typed(onnx.Uint32, 1<<32-1, 1<<31, 1<<31-1), typed(onnx.Int32, -1, -1<<31, 1<<31-1)},
		{typed(onnx.Uint16, 1, 32768, 65535), typed(onnx.Int16, 1, -32768, -1)},
	} {
		for i := range pair {
			from, to := pair[i], pair[1-i]
			expectNode(t, from.Type.String(), gradCase{op: "BitCast", opset: 26, inputs: []*op.Tensor{from},
				attrs: attrs{intAttr("to", int64(to.Type))}}, to)
		}
	}
	expectError(t, "width", gradCase{op: "BitCast", opset: 26, inputs: []*op.Tensor{counting(1)},
		attrs: attrs{intAttr("to", int64(onnx.Int64))}}, op.ErrShape)
}

func TestTensorScatter(t *testing.T) {
	past := func() *op.Tensor {
		return floatTensor([]int{2, 4, 2}, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	}
	update := floatTensor([]int{2, 2, 2}, -1, -2, -3, -4, -5, -6, -7, -8)
	expectNode(t, "linear",
		gradCase{op: "TensorScatter", opset: 24, inputs: []*op.Tensor{past(), update, intTensor(1, 2)}},
		floatTensor([]int{2, 4, 2}, 1, 2, -1, -2, -3, -4, 7, 8, 1, 2, 3, 4, -5, -6, -7, -8))
	expectNode(t, "circular", gradCase{op: "TensorScatter", opset: 24,
		inputs: []*op.Tensor{past(), update, intTensor(3, 0)}, attrs: attrs{stringAttr("mode", "circular")}},
		floatTensor([]int{2, 4, 2}, -3, -4, 3, 4, 5, 6, -1, -2, -5, -6, -7, -8, 5, 6, 7, 8))
	expectNode(t, "no places", gradCase{op: "TensorScatter", opset: 24, inputs: []*op.Tensor{past(), update},
		attrs: attrs{intAttr("axis", 1)}},
		floatTensor([]int{2, 4, 2}, -1, -2, -3, -4, 5, 6, 7, 8, -5, -6, -7, -8, 5, 6, 7, 8))
	for name, c := range map[string]gradCase{
		"beyond":     {inputs: []*op.Tensor{past(), update, intTensor(3, 0)}},
		"before":     {inputs: []*op.Tensor{past(), update, intTensor(-1, 0)}},
		"batch axis": {inputs: []*op.Tensor{past(), update}, attrs: attrs{intAttr("axis", 0)}},
		"longer":     {inputs: []*op.Tensor{update, past()}},
		"places":     {inputs: []*op.Tensor{past(), update, intTensor(0)}},
		"mode":       {inputs: []*op.Tensor{past(), update}, attrs: attrs{stringAttr("mode", "round")}},
	} {
		c.op, c.opset = "TensorScatter", 24
		expectError(t, name, c, op.ErrShape)
	}
}

// TestEmptyReductions: of nothing, sums are 0, products 1, extremes infinite, logarithms of sums minus infinity.
func TestEmptyReductions(t *testing.T) {
	inf := float32(math.Inf(1))
	for operator, want := range map[string]float32{
		"ReduceSum": 0, "ReduceSumSquare": 0, "ReduceL1": 0, "ReduceL2": 0, "ReduceProd": 1, "ReduceMax": -inf,
		"ReduceMin":    inf,
		"ReduceLogSum": -inf, "ReduceLogSumExp": -inf,
	} {
		c := gradCase{op: operator, opset: 20,
			inputs: []*op.Tensor{op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{2, 0, 3}}), intTensor(-2)}}
		y := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{2, 1, 3}})
		for i := range y.F {
			y.F[i] = want
		}
		expectNode(t, operator, c, y)
	}
}

// TestNewestTypes are operators on types that later opsets gave them.
func TestNewestTypes(t *testing.T) {
	typed := func(dt onnx.DataType, v ...int64) *op.Tensor { return &op.Tensor{Type: dt, Shape: []int{len(v)}, I: v} }
	half := func(v float32) *op.Tensor { return &op.Tensor{Type: onnx.Float16, Shape: []int{}, F: []float32{v}} }
	expectNode(t, "bool", gradCase{op: "ReduceMax", opset: 20, attrs: attrs{intAttr("keepdims", 0)},
		inputs: []*op.Tensor{{Type: onnx.Bool, Shape: []int{2, 2}, I: []int64{0, 1, 0, 0}}, intTensor(1)}},
		typed(onnx.Bool, 1, 0))
	expectNode(t, "division", gradCase{op: "Div", opset: 14,
		inputs: []*op.Tensor{typed(onnx.Int32, -7, 7, -6), typed(onnx.Int32, 2, -2, 3)}}, typed(onnx.Int32, -3, -3, -2))
	expectNode(t, "unsigned", gradCase{op: "Div", opset: 14,
		inputs: []*op.Tensor{typed(onnx.Uint64, -2), typed(onnx.Uint64, 2)}}, typed(onnx.Uint64, 1<<63-1))
	expectNode(t, "largest",
		gradCase{op: "TopK", opset: 24, inputs: []*op.Tensor{typed(onnx.Uint64, 3, -1, 1<<62), intTensor(2)}},
		typed(onnx.Uint64, -1, 1<<62), intTensor(1, 2))
	big := typed(onnx.Uint64, 3, -1, 1<<62, 0)
	for operator, want := range map[string]*op.Tensor{
		"ReduceMax": typed(onnx.Uint64, -1), "ReduceMin": typed(onnx.Uint64, 0),
		"ReduceL1": typed(onnx.Uint64, 1<<62+2), "ArgMax": intTensor(1), "ArgMin": intTensor(3),
		"Abs": big, "Sign": typed(onnx.Uint64, 1, 1, 1, 0), "Unique": typed(onnx.Uint64, 0, 3, 1<<62, -1),
	} {
		expectNode(t, operator, gradCase{op: operator, opset: 18, inputs: []*op.Tensor{big}}, want)
	}
	expectNode(t, "bounds", gradCase{op: "Clip", opset: 13,
		inputs: []*op.Tensor{big, typed(onnx.Uint64, 1), typed(onnx.Uint64, -2)}}, typed(onnx.Uint64, 3, -2, 1<<62, 1))
	for _, c := range []struct {
		gradCase
		want *op.Tensor
	}{
		{gradCase{op: "Range", opset: 27, inputs: []*op.Tensor{half(1), half(5), half(2)}},
			&op.Tensor{Type: onnx.Float16, Shape: []int{2}, F: []float32{1, 3}}},
		// Boxes that overlap by just the threshold both stay.
		{gradCase{op: "NonMaxSuppression", opset: 11,
			inputs: []*op.Tensor{floatTensor([]int{1, 2, 4}, 0, 0, 1, 1, 0, 0, 1, 0.5),
				floatTensor([]int{1, 1, 2}, 0.9, 0.8), intTensor(2), floatTensor([]int{1}, 0.5)}},
			shapedInts([]int{2, 3}, 0, 0, 0, 0, 0, 1)},
	} {
		got, err := runModel(c.gradCase)
		if err != nil {
			t.Fatal(err)
		}
		if err := compare(got[0], c.want, 0, 0); err != nil {
			t.Errorf("%s: %v", c.op, err)
		}
	}
}
