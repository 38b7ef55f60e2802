package network

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// unaryCase is a function of one float with its reference in double precision.
type unaryCase struct {
	op        string
	domain    string
	attrs     optest.Attrs
	f         func(x float64) float64
	low, high float64   // where elements are drawn from
	kinks     []float64 // where the slope jumps: elements keep clear of them
}

// unaryCases holds every function that has a gradient.
var unaryCases = []unaryCase{
	{op: "Relu", f: func(x float64) float64 { return max(x, 0) }, low: -3, high: 3, kinks: []float64{0}},
	{op: "Sigmoid", f: logistic, low: -8, high: 8},
	{op: "Tanh", f: math.Tanh, low: -5, high: 5},
	{op: "Softplus", f: func(x float64) float64 { return math.Log1p(math.Exp(x)) }, low: -9, high: 9},
	{op: "Softsign", f: func(x float64) float64 { return x / (1 + math.Abs(x)) },
		low: -4, high: 4, kinks: []float64{0}},
	{op: "Mish", f: func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) }, low: -6, high: 6},
	{op: "HardSwish", f: func(x float64) float64 { return x * min(1, max(0, x/6+0.5)) }, low: -5,
		high: 5, kinks: []float64{-3, 3}},
	{op: "LeakyRelu", f: leaky(0.01), low: -3, high: 3, kinks: []float64{0}},
	{op: "LeakyRelu", attrs: optest.Attrs{optest.FloatAttr("alpha", 0.3)}, f: leaky(0.3),
		low: -3, high: 3, kinks: []float64{0}},
	{op: "ThresholdedRelu", f: thresholded(1), low: -3, high: 3, kinks: []float64{1}},
	{op: "ThresholdedRelu", attrs: optest.Attrs{optest.FloatAttr("alpha", -0.5)}, f: thresholded(-0.5),
		low: -3, high: 3, kinks: []float64{-0.5}},
	{op: "HardSigmoid", f: func(x float64) float64 { return min(1, max(0, 0.2*x+0.5)) }, low: -4,
		high: 4, kinks: []float64{-2.5, 2.5}},
	{op: "HardSigmoid", attrs: optest.Attrs{optest.FloatAttr("alpha", 0.5), optest.FloatAttr("beta", 0.6)},
		f: func(x float64) float64 { return min(1, max(0, 0.5*x+0.6)) }, low: -4, high: 4, kinks: []float64{-1.2, 0.8}},
	{op: "Elu", f: exponential(1, 1, 1), low: -4, high: 4},
	{op: "Elu", attrs: optest.Attrs{optest.FloatAttr("alpha", 2)}, f: exponential(2, 1, 1),
		low: -4, high: 4, kinks: []float64{0}},
	{op: "Selu", f: exponential(1.6732632, 1.0507010, 1), low: -4, high: 4, kinks: []float64{0}},
	{op: "Celu", attrs: optest.Attrs{optest.FloatAttr("alpha", 2)}, f: exponential(2, 1, 0.5), low: -4, high: 4},
	{op: "Shrink",
		attrs: optest.Attrs{optest.FloatAttr("lambd", 1), optest.FloatAttr("bias", 0.5)}, f: shrunk(1, 0.5), low: -4,
		high: 4, kinks: []float64{-1, 1}},
	{op: "Swish", f: func(x float64) float64 { return x * logistic(x) }, low: -6, high: 6},
	{op: "Swish", attrs: optest.Attrs{optest.FloatAttr("alpha", 1.5)},
		f: func(x float64) float64 { return x * logistic(1.5*x) }, low: -6, high: 6},
	{op: "Gelu", f: normal, low: -5, high: 5},
	{op: "Gelu", attrs: optest.Attrs{optest.StringAttr("approximate", "tanh")}, f: normalTanh, low: -5, high: 5},
	{op: "Gelu", domain: "com.microsoft", f: normal, low: -5, high: 5},
	{op: "FastGelu", domain: "com.microsoft", f: normalTanh, low: -5, high: 5},
	{op: "QuickGelu", domain: "com.microsoft",
		f: func(x float64) float64 { return x * logistic(1.702*x) }, low: -5, high: 5},
	{op: "Exp", f: math.Exp, low: -4, high: 3},
	{op: "Log", f: math.Log, low: 0.2, high: 5},
	{op: "Sqrt", f: math.Sqrt, low: 0.2, high: 9},
	{op: "Reciprocal", f: func(x float64) float64 { return 1 / x }, low: 0.3, high: 4},
	{op: "Neg", f: func(x float64) float64 { return -x }, low: -4, high: 4},
	{op: "Abs", f: math.Abs, low: -4, high: 4, kinks: []float64{0}},
	{op: "Erf", f: math.Erf, low: -4, high: 4},
	{op: "Sin", f: math.Sin, low: -7, high: 7},
	{op: "Cos", f: math.Cos, low: -7, high: 7},
	{op: "Tan", f: math.Tan, low: -1.2, high: 1.2},
	{op: "Asin", f: math.Asin, low: -0.9, high: 0.9},
	{op: "Acos", f: math.Acos, low: -0.9, high: 0.9},
	{op: "Atan", f: math.Atan, low: -5, high: 5},
	{op: "Sinh", f: math.Sinh, low: -3, high: 3},
	{op: "Cosh", f: math.Cosh, low: -3, high: 3},
	{op: "Asinh", f: math.Asinh, low: -5, high: 5},
	{op: "Acosh", f: math.Acosh, low: 1.3, high: 5},
	{op: "Atanh", f: math.Atanh, low: -0.8, high: 0.8},
	{op: "Clip", f: func(x float64) float64 { return x }, low: -3, high: 3},
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
func normal(x float64) float64   { return x / 2 * math.Erfc(-x/math.Sqrt2) }
func normalTanh(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func leaky(alpha float64) func(float64) float64 {
	return func(x float64) float64 { return max(x, 0) + alpha*min(x, 0) }
}

func thresholded(alpha float64) func(float64) float64 {
	return func(x float64) float64 {
		if x > alpha {
			return x
		}
		return 0
	}
}

func exponential(alpha, gamma, rate float64) func(float64) float64 {
	return func(x float64) float64 { return gamma * (max(x, 0) + alpha*math.Expm1(rate*min(x, 0))) }
}

func shrunk(lambda, bias float64) func(float64) float64 {
	return func(x float64) float64 {
		if math.Abs(x) <= lambda {
			return 0
		}
		return x - math.Copysign(bias, x)
	}
}

// draw returns a tensor with elements from the case's range, clear of its kinks by more than a difference's step.
func (u *unaryCase) draw(r *rand.Rand, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	for i := range t.F {
		for clear := false; !clear; {
			v := u.low + (u.high-u.low)*r.Float64()
			t.F[i], clear = float32(v), true
			for _, k := range u.kinks {
				clear = clear && math.Abs(v-k) > 0.1
			}
		}
	}
	return t
}

func TestUnaryForward(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, u := range unaryCases {
		for _, shape := range [][]int{{}, {0}, {3, 0, 2}, {17}, {2, 1, 3, 5}} {
			operator, in, out := optest.BuildOne(t, optest.Case{Op: u.op, Domain: u.domain, Opset: 24, Attrs: u.attrs,
				Inputs: []*op.Tensor{u.draw(r, shape...)}})
			if err := operator.Forward(&op.Context{}, in, out); err != nil {
				t.Fatal(err)
			}
			for i, x := range in[0].F {
				if want := u.f(float64(x)); math.Abs(float64(out[0].F[i])-want) > 2e-6*(0.1+math.Abs(want)) {
					t.Errorf("%s%v(%g) is %g, want %g", u.op, u.attrs, x, out[0].F[i], want)
				}
			}
		}
	}
}

func TestUnaryGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for _, u := range unaryCases {
		for _, shape := range [][]int{{}, {0}, {13}, {2, 1, 3, 2}} {
			optest.CheckGradients(t, optest.Case{Op: u.op, Domain: u.domain, Opset: 24, Attrs: u.attrs,
				Inputs: []*op.Tensor{u.draw(r, shape...)}, Wrt: []int{0}})
		}
	}
}

// TestSlopesAtKinks pins the conventions: they are PyTorch's, whose training users compare with.
func TestSlopesAtKinks(t *testing.T) {
	for _, c := range []struct {
		op    string
		attrs optest.Attrs
		x     []float32
		want  []float32
	}{
		{op: "Relu", x: []float32{0, float32(math.Copysign(0, -1))}, want: []float32{0, 0}},
		{op: "Abs", x: []float32{0}, want: []float32{0}},
		{op: "LeakyRelu", attrs: optest.Attrs{optest.FloatAttr("alpha", 0.25)}, x: []float32{0}, want: []float32{0.25}},
		{op: "Elu", attrs: optest.Attrs{optest.FloatAttr("alpha", 2)}, x: []float32{0}, want: []float32{2}},
		{op: "HardSigmoid", attrs: optest.Attrs{optest.FloatAttr("alpha", 0.25)},
			x: []float32{-2, 2, 0}, want: []float32{0, 0, 0.25}},
		{op: "HardSwish", x: []float32{-3, 3, -3.01, 3.01}, want: []float32{-0.5, 1.5, 0, 1}},
		{op: "ThresholdedRelu", x: []float32{1, 1.01}, want: []float32{0, 1}},
		{op: "Shrink", x: []float32{-0.5, 0.5, 0.51}, want: []float32{0, 0, 1}},
		{op: "Clip", attrs: optest.Attrs{optest.FloatAttr("min", -1), optest.FloatAttr("max", 1)},
			x: []float32{-1, 1, -1.01, 1.01}, want: []float32{1, 1, 0, 0}},
	} {
		opset := int64(24)
		if c.op == "Clip" {
			opset = 6
		}
		x := &op.Tensor{Type: onnx.Float32, Shape: []int{len(c.x)}, F: c.x}
		operator, in, out := optest.BuildOne(t,
			optest.Case{Op: c.op, Opset: opset, Attrs: c.attrs, Inputs: []*op.Tensor{x}})
		if err := operator.Forward(&op.Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		dy, dx := op.NewTensor(x.Spec()), op.NewTensor(x.Spec())
		for i := range dy.F {
			dy.F[i] = 1
		}
		if err := operator.(op.Differentiable).Backward(&op.Context{}, 0, 0, in, out, dy, dx); err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			if dx.F[i] != w {
				t.Errorf("%s%v: slope at %g is %g, want %g", c.op, c.attrs, c.x[i], dx.F[i], w)
			}
		}
	}
}

// TestPiecewiseConstant checks functions without a gradient, special values included.
func TestPiecewiseConstant(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := []float32{-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.4, inf, -inf, nan}
	for operator, want := range map[string][]float32{
		"Ceil":  {-2, -1, 0, 0, 1, 2, 3, inf, -inf, nan},
		"Floor": {-3, -2, -1, 0, 0, 1, 2, inf, -inf, nan},
		"Round": {-2, -2, 0, 0, 0, 2, 2, inf, -inf, nan},
		"Sign":  {-1, -1, -1, 0, 1, 1, 1, 1, -1, nan},
	} {
		o, in, out := optest.BuildOne(t,
			optest.Case{Op: operator, Opset: 22,
				Inputs: []*op.Tensor{{Type: onnx.Float32, Shape: []int{len(x)}, F: x}}})
		if err := o.Forward(&op.Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if !op.SameNumber(out[0].F[i], w) {
				t.Errorf("%s(%g) is %g, want %g", operator, x[i], out[0].F[i], w)
			}
		}
	}
}

func TestFloatTests(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{4}, F: []float32{1, nan, inf, -inf}}
	for _, c := range []struct {
		op    string
		attrs optest.Attrs
		want  []int64
	}{
		{"IsNaN", nil, []int64{0, 1, 0, 0}},
		{"IsInf", nil, []int64{0, 0, 1, 1}},
		{"IsInf", optest.Attrs{optest.IntAttr("detect_positive", 0)}, []int64{0, 0, 0, 1}},
		{"IsInf", optest.Attrs{optest.IntAttr("detect_negative", 0)}, []int64{0, 0, 1, 0}},
	} {
		optest.CheckInts(t,
			optest.Case{Op: c.op, Opset: 20, Attrs: c.attrs, Inputs: []*op.Tensor{x}}, onnx.Bool, c.want)
	}
}

func TestUnaryIntegers(t *testing.T) {
	for _, c := range []struct {
		op   string
		t    onnx.DataType
		x    []int64
		want []int64
	}{
		{"Relu", onnx.Int8, []int64{-128, -1, 0, 127}, []int64{0, 0, 0, 127}},
		{"Neg", onnx.Int8, []int64{-128, 5}, []int64{-128, -5}},
		{"Abs", onnx.Int64, []int64{-3, 3}, []int64{3, 3}},
		{"Abs", onnx.Uint8, []int64{200}, []int64{200}},
		{"Sign", onnx.Int32, []int64{-9, 0, 9}, []int64{-1, 0, 1}},
	} {
		optest.CheckInts(t,
			optest.Case{Op: c.op, Opset: 14, Inputs: []*op.Tensor{{Type: c.t, Shape: []int{len(c.x)}, I: c.x}}},
			c.t, c.want)
	}
}
