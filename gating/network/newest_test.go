package network

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// deformed is a sum over 2x2 windows of the numbers from 0 to 8 with two of its samples moved.
func deformed(pad int64, size int, moves map[int]float32) optest.Case {
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
	return optest.Case{Op: "DeformConv", Opset: 19, Inputs: []*op.Tensor{x, w, offset},
		Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2, 2), optest.IntsAttr("pads", pad, pad, pad, pad)}}
}

func TestDeformConv(t *testing.T) {
	expectNode(t, "padded", deformed(1, 4, map[int]float32{0: 0.5, 5*16 + 4 + 2: -0.1}),
		floatTensor([]int{1, 1, 4, 4}, 0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8))
	c := deformed(0, 2, map[int]float32{0: 0.5, 5*4 + 1: -0.1})
	expectNode(t, "plain", c, floatTensor([]int{1, 1, 2, 2}, 9.5, 11.9, 20, 24))
	mask := floatTensor([]int{1, 4, 2, 2}, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.2, 1, 1, 1, 1)
	c.Inputs = append(c.Inputs, floatTensor([]int{1}, 1), mask)
	expectNode(t, "masked", c, floatTensor([]int{1, 1, 2, 2}, 10.5, 12.9, 21, 19.4))
}

// TestDeformConvWithoutOffsets is Conv.
func TestDeformConvWithoutOffsets(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		c := d.aDeformConv()
		clear(c.Inputs[2].F)
		c.Inputs = c.Inputs[:min(len(c.Inputs), 4)]
		got, err := runNode(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Op, c.Inputs = "Conv", append(c.Inputs[:2:2], c.Inputs[3:]...)
		want, err := runNode(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := optest.Compare(got[0], want[0], 1e-5, 1e-5); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func TestDeformConvRefusals(t *testing.T) {
	c := deformed(0, 2, nil)
	x, w, offset := c.Inputs[0], c.Inputs[1], c.Inputs[2]
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "DeformConv", Opset: 19, Attrs: optest.Attrs{optest.IntAttr("offset_group", 2)},
			Inputs: c.Inputs, Says: "offset_group is 2"},
		{Op: "DeformConv", Opset: 19, Attrs: optest.Attrs{optest.IntAttr("offset_group", -1)},
			Inputs: c.Inputs, Says: "offset_group is -1"},
		{Op: "DeformConv", Opset: 19, Attrs: optest.Attrs{optest.IntsAttr("pads", 1, 1, 1, 1)},
			Inputs: c.Inputs, Says: "want [1 8 4 4]"},
		{Op: "DeformConv", Opset: 19, Attrs: nil,
			Inputs: []*op.Tensor{x, w, offset, nil, offset}, Says: "want [1 4 2 2]"},
		{Op: "DeformConv", Opset: 19, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 1, 3), w, offset}, Says: "only images"},
		{Op: "DeformConv", Opset: 19, Attrs: nil, Inputs: []*op.Tensor{x, w}, Says: "input 2 is missing"},
	})
}

func TestCumProd(t *testing.T) {
	x := floatTensor([]int{5}, 1, 2, 3, 4, 5)
	exclusive, reverse := optest.IntAttr("exclusive", 1), optest.IntAttr("reverse", 1)
	for name, c := range map[string]struct {
		attrs optest.Attrs
		want  []float32
	}{
		"plain":     {nil, []float32{1, 2, 6, 24, 120}},
		"exclusive": {optest.Attrs{exclusive}, []float32{1, 1, 2, 6, 24}},
		"reverse":   {optest.Attrs{reverse}, []float32{120, 120, 60, 20, 5}},
		"both":      {optest.Attrs{exclusive, reverse}, []float32{120, 60, 20, 5, 1}},
	} {
		expectNode(t, name, optest.Case{Op: "CumProd", Opset: 26, Inputs: []*op.Tensor{x, scalarInt(0)},
			Attrs: c.attrs}, floatTensor([]int{5}, c.want...))
	}
	ints := optest.Case{Op: "CumProd", Opset: 26,
		Inputs: []*op.Tensor{shapedInts([]int{2, 3}, 1, 2, 3, 4, 5, 6), scalarInt(-2)}}
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
			expectNode(t, from.Type.String(), optest.Case{Op: "BitCast", Opset: 26, Inputs: []*op.Tensor{from},
				Attrs: optest.Attrs{optest.IntAttr("to", int64(to.Type))}}, to)
		}
	}
	expectError(t, "width", optest.Case{Op: "BitCast", Opset: 26, Inputs: []*op.Tensor{counting(1)},
		Attrs: optest.Attrs{optest.IntAttr("to", int64(onnx.Int64))}}, op.ErrShape)
}

func TestTensorScatter(t *testing.T) {
	past := func() *op.Tensor {
		return floatTensor([]int{2, 4, 2}, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	}
	update := floatTensor([]int{2, 2, 2}, -1, -2, -3, -4, -5, -6, -7, -8)
	expectNode(t, "linear",
		optest.Case{Op: "TensorScatter", Opset: 24, Inputs: []*op.Tensor{past(), update, optest.IntTensor(1, 2)}},
		floatTensor([]int{2, 4, 2}, 1, 2, -1, -2, -3, -4, 7, 8, 1, 2, 3, 4, -5, -6, -7, -8))
	expectNode(t, "circular", optest.Case{Op: "TensorScatter", Opset: 24,
		Inputs: []*op.Tensor{past(), update, optest.IntTensor(3, 0)},
		Attrs:  optest.Attrs{optest.StringAttr("mode", "circular")}},
		floatTensor([]int{2, 4, 2}, -3, -4, 3, 4, 5, 6, -1, -2, -5, -6, -7, -8, 5, 6, 7, 8))
	expectNode(t, "no places", optest.Case{Op: "TensorScatter", Opset: 24, Inputs: []*op.Tensor{past(), update},
		Attrs: optest.Attrs{optest.IntAttr("axis", 1)}},
		floatTensor([]int{2, 4, 2}, -1, -2, -3, -4, 5, 6, 7, 8, -5, -6, -7, -8, 5, 6, 7, 8))
	for name, c := range map[string]optest.Case{
		"beyond":     {Inputs: []*op.Tensor{past(), update, optest.IntTensor(3, 0)}},
		"before":     {Inputs: []*op.Tensor{past(), update, optest.IntTensor(-1, 0)}},
		"batch axis": {Inputs: []*op.Tensor{past(), update}, Attrs: optest.Attrs{optest.IntAttr("axis", 0)}},
		"longer":     {Inputs: []*op.Tensor{update, past()}},
		"places":     {Inputs: []*op.Tensor{past(), update, optest.IntTensor(0)}},
		"mode":       {Inputs: []*op.Tensor{past(), update}, Attrs: optest.Attrs{optest.StringAttr("mode", "round")}},
	} {
		c.Op, c.Opset = "TensorScatter", 24
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
		c := optest.Case{Op: operator, Opset: 20,
			Inputs: []*op.Tensor{op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{2, 0, 3}}),
				optest.IntTensor(-2)}}
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
	expectNode(t, "bool", optest.Case{Op: "ReduceMax", Opset: 20, Attrs: optest.Attrs{optest.IntAttr("keepdims", 0)},
		Inputs: []*op.Tensor{{Type: onnx.Bool, Shape: []int{2, 2}, I: []int64{0, 1, 0, 0}}, optest.IntTensor(1)}},
		typed(onnx.Bool, 1, 0))
	expectNode(t, "division", optest.Case{Op: "Div", Opset: 14,
		Inputs: []*op.Tensor{typed(onnx.Int32, -7, 7, -6), typed(onnx.Int32, 2, -2, 3)}}, typed(onnx.Int32, -3, -3, -2))
	expectNode(t, "unsigned", optest.Case{Op: "Div", Opset: 14,
		Inputs: []*op.Tensor{typed(onnx.Uint64, -2), typed(onnx.Uint64, 2)}}, typed(onnx.Uint64, 1<<63-1))
	expectNode(t, "largest",
		optest.Case{Op: "TopK", Opset: 24, Inputs: []*op.Tensor{typed(onnx.Uint64, 3, -1, 1<<62), optest.IntTensor(2)}},
		typed(onnx.Uint64, -1, 1<<62), optest.IntTensor(1, 2))
	big := typed(onnx.Uint64, 3, -1, 1<<62, 0)
	for operator, want := range map[string]*op.Tensor{
		"ReduceMax": typed(onnx.Uint64, -1), "ReduceMin": typed(onnx.Uint64, 0),
		"ReduceL1": typed(onnx.Uint64, 1<<62+2), "ArgMax": optest.IntTensor(1), "ArgMin": optest.IntTensor(3),
		"Abs": big, "Sign": typed(onnx.Uint64, 1, 1, 1, 0), "Unique": typed(onnx.Uint64, 0, 3, 1<<62, -1),
	} {
		expectNode(t, operator, optest.Case{Op: operator, Opset: 18, Inputs: []*op.Tensor{big}}, want)
	}
	expectNode(t, "bounds", optest.Case{Op: "Clip", Opset: 13,
		Inputs: []*op.Tensor{big, typed(onnx.Uint64, 1), typed(onnx.Uint64, -2)}}, typed(onnx.Uint64, 3, -2, 1<<62, 1))
	for _, c := range []struct {
		optest.Case
		want *op.Tensor
	}{
		{optest.Case{Op: "Range", Opset: 27, Inputs: []*op.Tensor{half(1), half(5), half(2)}},
			&op.Tensor{Type: onnx.Float16, Shape: []int{2}, F: []float32{1, 3}}},
		// Boxes that overlap by just the threshold both stay.
		{optest.Case{Op: "NonMaxSuppression", Opset: 11,
			Inputs: []*op.Tensor{floatTensor([]int{1, 2, 4}, 0, 0, 1, 1, 0, 0, 1, 0.5),
				floatTensor([]int{1, 1, 2}, 0.9, 0.8), optest.IntTensor(2), floatTensor([]int{1}, 0.5)}},
			shapedInts([]int{2, 3}, 0, 0, 0, 0, 0, 1)},
	} {
		got, err := runModel(c.Case)
		if err != nil {
			t.Fatal(err)
		}
		if err := optest.Compare(got[0], c.want, 0, 0); err != nil {
			t.Errorf("%s: %v", c.Op, err)
		}
	}
}
