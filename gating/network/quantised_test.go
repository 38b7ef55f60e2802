package network

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestConvIntegerAgainstFloats: without zero points small integers convolve as floats do.
func TestConvIntegerAgainstFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 30 {
		list, xs, ws := optest.ConvCase(r, 1+i%3)
		x, w := optest.BytesTensor(r, onnx.Int8, xs...), optest.BytesTensor(r, onnx.Uint8, ws...)
		operator, in, outs := optest.BuildOne(t,
			optest.Case{Op: "ConvInteger", Opset: 10, Attrs: list, Inputs: []*op.Tensor{x, w}})
		fx, fw := optest.RandomTensor(1, xs...), optest.RandomTensor(1, ws...)
		fx.F, fw.F = optest.Each(x.I, func(v int64) float32 { return float32(v) }),
			optest.Each(w.I, func(v int64) float32 { return float32(v) })
		float, fin, fouts := optest.BuildOne(t,
			optest.Case{Op: "Conv", Opset: 11, Attrs: list, Inputs: []*op.Tensor{fx, fw}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if err := float.Forward(&op.Context{}, fin, fouts); err != nil {
			t.Fatal(err)
		}
		for j, v := range outs[0].I {
			if float32(v) != fouts[0].F[j] {
				t.Fatalf("%v: element %d is %d, want %g", list, j, v, fouts[0].F[j])
			}
		}
	}
}

func TestMatMulIntegerZeroPoints(t *testing.T) {
	int8s := func(shape []int, v ...int64) *op.Tensor { return &op.Tensor{Type: onnx.Int8, Shape: shape, I: v} }
	a, b := int8s([]int{2, 2}, 1, 2, 3, 4), int8s([]int{2, 2}, 5, 6, 7, 8)
	for _, c := range []struct {
		za, zb *op.Tensor
		want   []int64
	}{
		{nil, nil, []int64{19, 22, 43, 50}},
		{int8s([]int{}, 1), nil, []int64{7, 8, 31, 36}},
		{int8s([]int{2}, 1, 3), nil, []int64{7, 8, 7, 8}},
		{nil, int8s([]int{2}, 5, 8), []int64{4, -2, 8, -6}},
	} {
		operator, in, outs := optest.BuildOne(t,
			optest.Case{Op: "MatMulInteger", Opset: 10, Inputs: []*op.Tensor{a, b, c.za, c.zb}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outs[0].I, c.want) || outs[0].Type != onnx.Int32 {
			t.Errorf("zero points %v and %v: got %v, want %v", c.za, c.zb, outs[0].I, c.want)
		}
	}
}

func TestQuantProductRefusals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	b := optest.BytesTensor(r, onnx.Int8, 2, 2)
	one := optest.RandomTensor(1, 1)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "MatMulInteger", Opset: 10, Attrs: nil,
			Inputs: []*op.Tensor{b, optest.RandomTensor(1, 2, 2)}, Says: "no integer"},
		{Op: "MatMulInteger", Opset: 10, Attrs: nil,
			Inputs: []*op.Tensor{b, optest.BytesTensor(r, onnx.Int8, 3, 2)}, Says: "differ"},
		{Op: "MatMulInteger", Opset: 10, Attrs: nil,
			Inputs: []*op.Tensor{b, b, optest.BytesTensor(r, onnx.Int8, 3)}, Says: "want one number or 2"},
		{Op: "QLinearMatMul", Opset: 21, Attrs: nil,
			Inputs: []*op.Tensor{b, one, b, b, one, b, one}, Says: "input 7 is missing"},
		{Op: "ConvInteger", Opset: 10, Attrs: nil, Inputs: []*op.Tensor{b, b}, Says: "spatial axis"},
	})
}

// floatProduct computes what a QLinear product stands for: the product of the dequantised operands, quantised.
func floatProduct(t *testing.T, operator string, list optest.Attrs, in []*op.Tensor, bias bool) []int64 {
	t.Helper()
	real := func(value, zero, scale *op.Tensor, inner int) *op.Tensor {
		out := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: value.Shape})
		for i, v := range value.I {
			k := 0
			if len(scale.F) > 1 {
				k = i / inner % len(scale.F)
			}
			out.F[i] = float32(v-zero.I[min(k, len(zero.I)-1)]) * scale.F[k]
		}
		return out
	}
	inner := 1
	if operator == "Conv" {
		inner = op.SizeOf(in[3].Shape[1:])
	}
	c := optest.Case{Op: operator, Opset: 13, Attrs: list,
		Inputs: []*op.Tensor{real(in[0], in[2], in[1], 1), real(in[3], in[5], in[4], inner)}}
	if bias {
		b := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: in[8].Shape})
		for i, v := range in[8].I {
			b.F[i] = float32(v) * in[1].F[0] * in[4].F[i]
		}
		c.Inputs = append(c.Inputs, b)
	}
	float, fin, fouts := optest.BuildOne(t, c)
	if err := float.Forward(&op.Context{}, fin, fouts); err != nil {
		t.Fatal(err)
	}
	low, high := op.IntRange(in[7].Type)
	want := make([]int64, len(fouts[0].F))
	for i, v := range fouts[0].F {
		r := math.RoundToEven(float64(v/in[6].F[0])) + float64(in[7].I[0])
		want[i] = int64(min(max(r, float64(low)), float64(high)))
	}
	return want
}

// TestQLinearAgainstFloats: a quantised product is the float product of its operands' values, rounded; one step
// apart is allowed where float32 rounds a tie to the other side.
func TestQLinearAgainstFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	scalar := func(v float32) *op.Tensor { return optest.Floats([]int{}, v) }
	zero := func(dt onnx.DataType, v int64) *op.Tensor { return &op.Tensor{Type: dt, Shape: []int{}, I: []int64{v}} }
	check := func(operator, float string, list optest.Attrs, in []*op.Tensor) {
		t.Helper()
		o, in, outs := optest.BuildOne(t, optest.Case{Op: operator, Opset: 10, Attrs: list, Inputs: in})
		if err := o.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		want := floatProduct(t, float, list, in, len(in) > 8)
		for i, v := range outs[0].I {
			if d := v - want[i]; d < -1 || d > 1 {
				t.Fatalf("%s %v: element %d is %d, want %d", operator, list, i, v, want[i])
			}
		}
	}
	for i := range 20 {
		list, x, w := optest.ConvCase(r, 1+i%3)
		channels := optest.Positive(optest.RandomTensor(uint64(i), w[0]))
		for k := range channels.F {
			channels.F[k] *= 0.004
		}
		bias := optest.BytesTensor(r, onnx.Int32, w[0])
		for k := range bias.I {
			bias.I[k] %= 1000
		}
		check("QLinearConv", "Conv", list,
			[]*op.Tensor{optest.BytesTensor(r, onnx.Uint8, x...), scalar(0.02), zero(onnx.Uint8, 120),
				optest.BytesTensor(r, onnx.Int8, w...), channels,
				op.NewTensor(op.Spec{Type: onnx.Int8, Shape: []int{w[0]}}),
				scalar(0.05), zero(onnx.Uint8, 100), bias})
		check("QLinearMatMul", "MatMul", nil,
			[]*op.Tensor{optest.BytesTensor(r, onnx.Int8, 2, 3, 4), scalar(0.02), zero(onnx.Int8, 3),
				optest.BytesTensor(r, onnx.Uint8, 4, 5), scalar(0.01), zero(onnx.Uint8, 130), scalar(0.03),
				zero(onnx.Int8, -7)})
	}
}

// TestRuntimeQuantisation: ONNX Runtime's own forms, for 16 bits, run there and back.
func TestRuntimeQuantisation(t *testing.T) {
	scale, zero := floatTensor([]int{}, 0.5), &op.Tensor{Type: onnx.Uint16, Shape: []int{}, I: []int64{1000}}
	q, err := runModel(optest.Case{Op: "QuantizeLinear", Domain: "com.microsoft", Opset: 1,
		Inputs: []*op.Tensor{floatTensor([]int{3}, -600, 0.3, 4), scale, zero}})
	if err != nil {
		t.Fatal(err)
	}
	want := &op.Tensor{Type: onnx.Uint16, Shape: []int{3}, I: []int64{0, 1001, 1008}}
	if err := optest.Compare(q[0], want, 0, 0); err != nil {
		t.Error(err)
	}
	wantModel(t, optest.Case{Op: "DequantizeLinear", Domain: "com.microsoft", Opset: 1,
		Inputs: []*op.Tensor{want, scale, zero}}, floatTensor([]int{3}, -500, 0.5, 4))
}

// TestQuantisedRefusals: where a gradient would have to pass a quantised operator, and where one is not known, the
// error names the node and says to merge the float models.
func TestQuantisedRefusals(t *testing.T) {
	x, one, zero := optest.RandomTensor(1, 1, 2, 3, 3), floatTensor([]int{}, 0.1),
		&op.Tensor{Type: onnx.Uint8, Shape: []int{}, I: []int64{3}}
	bytes := optest.BytesTensor(newDraw(1).Rand, onnx.Uint8, 1, 2, 3, 3)
	weights := optest.BytesTensor(newDraw(2).Rand, onnx.Uint8, 2, 2, 1, 1)
	for name, c := range map[string]optest.Case{
		"quantise":   {Op: "QuantizeLinear", Inputs: []*op.Tensor{x, one, zero}, Wrt: []int{0}},
		"its scale":  {Op: "QuantizeLinear", Inputs: []*op.Tensor{x, one, zero}, Wrt: []int{1}},
		"dequantise": {Op: "DequantizeLinear", Inputs: []*op.Tensor{bytes, one, zero}, Wrt: []int{1}},
		"dynamic":    {Op: "DynamicQuantizeLinear", Inputs: []*op.Tensor{x}, Wrt: []int{0}, Outputs: 3},
		"product": {Op: "QLinearConv",
			Inputs: []*op.Tensor{bytes, one, zero, weights, one, zero, one, zero}, Wrt: []int{1}},
	} {
		c.Opset = 13
		m, config, _, _ := elementwiseModel(t, c)
		g, err := Lower(m, config)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = NewProgram(g, HeadOf(0, MSE{}), nil)
		expectQuantised(t, name, err)
	}
	for _, operator := range []string{"com.microsoft.QLinearSoftmax", "com.microsoft.MatMulNBits",
		"com.microsoft.DynamicQuantizeLSTM", "com.microsoft.QOrderedMatMul", "com.microsoft.DequantizeWithOrder",
		"MatMulNBits"} {
		dot := strings.LastIndexByte(operator, '.')
		_, err := runModel(optest.Case{Op: operator[dot+1:], Domain: operator[:max(0, dot)],
			Opset: 1, Inputs: []*op.Tensor{x}})
		expectQuantised(t, operator, err)
	}
	if op.WorksOnQuantised("org.example.QLinearConv") || op.WorksOnQuantised("Conv") ||
		op.WorksOnQuantised("com.microsoft.QuickGelu") {
		t.Error("a float operator, or another's, is taken for a quantised one")
	}
}

func expectQuantised(t *testing.T, name string, err error) {
	t.Helper()
	var e *op.NodeError
	if !errors.As(err, &e) || !errors.Is(err, op.ErrUnsupported) || e.Node == "" ||
		!strings.Contains(e.Msg, op.RefusedQuantised.Reason) || e.Hint() != op.RefusedQuantised.Help {
		t.Errorf("%s: got %v, want an error at the node about quantised weights", name, err)
	}
}
