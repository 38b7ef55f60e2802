package network

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func bytesTensor(r *rand.Rand, dt onnx.DataType, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: dt, Shape: shape})
	low, high := op.IntRange(dt)
	for i := range t.I {
		t.I[i] = low + r.Int64N(high-low+1)
	}
	return t
}

// TestConvIntegerAgainstFloats: without zero points small integers convolve as floats do.
func TestConvIntegerAgainstFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 30 {
		list, xs, ws := convCase(r, 1+i%3)
		x, w := bytesTensor(r, onnx.Int8, xs...), bytesTensor(r, onnx.Uint8, ws...)
		operator, in, outs := buildOne(t,
			gradCase{op: "ConvInteger", opset: 10, attrs: list, inputs: []*op.Tensor{x, w}})
		fx, fw := randomTensor(1, xs...), randomTensor(1, ws...)
		fx.F, fw.F = each(x.I, func(v int64) float32 { return float32(v) }),
			each(w.I, func(v int64) float32 { return float32(v) })
		float, fin, fouts := buildOne(t, gradCase{op: "Conv", opset: 11, attrs: list, inputs: []*op.Tensor{fx, fw}})
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
		operator, in, outs := buildOne(t,
			gradCase{op: "MatMulInteger", opset: 10, inputs: []*op.Tensor{a, b, c.za, c.zb}})
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
	b := bytesTensor(r, onnx.Int8, 2, 2)
	one := randomTensor(1, 1)
	checkRefusals(t, []refusal{
		{"MatMulInteger", 10, nil, []*op.Tensor{b, randomTensor(1, 2, 2)}, "no integer"},
		{"MatMulInteger", 10, nil, []*op.Tensor{b, bytesTensor(r, onnx.Int8, 3, 2)}, "differ"},
		{"MatMulInteger", 10, nil, []*op.Tensor{b, b, bytesTensor(r, onnx.Int8, 3)}, "want one number or 2"},
		{"QLinearMatMul", 21, nil, []*op.Tensor{b, one, b, b, one, b, one}, "input 7 is missing"},
		{"ConvInteger", 10, nil, []*op.Tensor{b, b}, "spatial axis"},
	})
}

// floatProduct computes what a QLinear product stands for: the product of the dequantised operands, quantised.
func floatProduct(t *testing.T, operator string, list attrs, in []*op.Tensor, bias bool) []int64 {
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
	c := gradCase{op: operator, opset: 13, attrs: list,
		inputs: []*op.Tensor{real(in[0], in[2], in[1], 1), real(in[3], in[5], in[4], inner)}}
	if bias {
		b := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: in[8].Shape})
		for i, v := range in[8].I {
			b.F[i] = float32(v) * in[1].F[0] * in[4].F[i]
		}
		c.inputs = append(c.inputs, b)
	}
	float, fin, fouts := buildOne(t, c)
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
	scalar := func(v float32) *op.Tensor { return floatsTensor([]int{}, v) }
	zero := func(dt onnx.DataType, v int64) *op.Tensor { return &op.Tensor{Type: dt, Shape: []int{}, I: []int64{v}} }
	check := func(operator, float string, list attrs, in []*op.Tensor) {
		t.Helper()
		o, in, outs := buildOne(t, gradCase{op: operator, opset: 10, attrs: list, inputs: in})
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
		list, x, w := convCase(r, 1+i%3)
		channels := positive(randomTensor(uint64(i), w[0]))
		for k := range channels.F {
			channels.F[k] *= 0.004
		}
		bias := bytesTensor(r, onnx.Int32, w[0])
		for k := range bias.I {
			bias.I[k] %= 1000
		}
		check("QLinearConv", "Conv", list,
			[]*op.Tensor{bytesTensor(r, onnx.Uint8, x...), scalar(0.02), zero(onnx.Uint8, 120),
				bytesTensor(r, onnx.Int8, w...), channels, op.NewTensor(op.Spec{Type: onnx.Int8, Shape: []int{w[0]}}),
				scalar(0.05), zero(onnx.Uint8, 100), bias})
		check("QLinearMatMul", "MatMul", nil,
			[]*op.Tensor{bytesTensor(r, onnx.Int8, 2, 3, 4), scalar(0.02), zero(onnx.Int8, 3),
				bytesTensor(r, onnx.Uint8, 4, 5), scalar(0.01), zero(onnx.Uint8, 130), scalar(0.03),
				zero(onnx.Int8, -7)})
	}
}

// TestRuntimeQuantisation: ONNX Runtime's own forms, for 16 bits, run there and back.
func TestRuntimeQuantisation(t *testing.T) {
	scale, zero := floatTensor([]int{}, 0.5), &op.Tensor{Type: onnx.Uint16, Shape: []int{}, I: []int64{1000}}
	q, err := runModel(gradCase{op: "QuantizeLinear", domain: "com.microsoft", opset: 1,
		inputs: []*op.Tensor{floatTensor([]int{3}, -600, 0.3, 4), scale, zero}})
	if err != nil {
		t.Fatal(err)
	}
	want := &op.Tensor{Type: onnx.Uint16, Shape: []int{3}, I: []int64{0, 1001, 1008}}
	if err := compare(q[0], want, 0, 0); err != nil {
		t.Error(err)
	}
	wantModel(t, gradCase{op: "DequantizeLinear", domain: "com.microsoft", opset: 1,
		inputs: []*op.Tensor{want, scale, zero}}, floatTensor([]int{3}, -500, 0.5, 4))
}

// TestQuantisedRefusals: where a gradient would have to pass a quantised operator, and where one is not known, the
// error names the node and says to merge the float models.
func TestQuantisedRefusals(t *testing.T) {
	x, one, zero := randomTensor(1, 1, 2, 3, 3), floatTensor([]int{}, 0.1),
		&op.Tensor{Type: onnx.Uint8, Shape: []int{}, I: []int64{3}}
	bytes := bytesTensor(newDraw(1).Rand, onnx.Uint8, 1, 2, 3, 3)
	weights := bytesTensor(newDraw(2).Rand, onnx.Uint8, 2, 2, 1, 1)
	for name, c := range map[string]gradCase{
		"quantise":   {op: "QuantizeLinear", inputs: []*op.Tensor{x, one, zero}, wrt: []int{0}},
		"its scale":  {op: "QuantizeLinear", inputs: []*op.Tensor{x, one, zero}, wrt: []int{1}},
		"dequantise": {op: "DequantizeLinear", inputs: []*op.Tensor{bytes, one, zero}, wrt: []int{1}},
		"dynamic":    {op: "DynamicQuantizeLinear", inputs: []*op.Tensor{x}, wrt: []int{0}, outputs: 3},
		"product": {op: "QLinearConv",
			inputs: []*op.Tensor{bytes, one, zero, weights, one, zero, one, zero}, wrt: []int{1}},
	} {
		c.opset = 13
		m, config, _, _ := elementwiseModel(t, c)
		g, err := Lower(m, config)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = NewProgram(g, 0, MSE{}, nil)
		expectQuantised(t, name, err)
	}
	for _, operator := range []string{"com.microsoft.QLinearSoftmax", "com.microsoft.MatMulNBits",
		"com.microsoft.DynamicQuantizeLSTM", "com.microsoft.QOrderedMatMul", "com.microsoft.DequantizeWithOrder",
		"MatMulNBits"} {
		dot := strings.LastIndexByte(operator, '.')
		_, err := runModel(gradCase{op: operator[dot+1:], domain: operator[:max(0, dot)],
			opset: 1, inputs: []*op.Tensor{x}})
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
