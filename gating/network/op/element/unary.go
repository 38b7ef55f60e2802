package element

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// unaryOps are element-wise functions of mathematics.
var unaryOps = op.Family{
	op.WithGradient("Exp", 1, buildUnary(&unary{f: kernel.Exp, d: ofOutput(kernel.Product)})),
	op.WithGradient("Log", 1, buildUnary(double(math.Log, func(x, _ float32) float32 { return 1 / x }))),
	op.WithGradient("Sqrt", 1, buildUnary(&unary{f: kernel.Sqrt, d: ofOutput(kernel.SqrtBackward)})),
	op.WithGradient("Reciprocal", 1, buildUnary(&unary{f: kernel.Reciprocal, d: ofOutput(kernel.ReciprocalBackward)})),
	op.WithGradient("Neg", 1, buildUnary(negative)),
	op.WithGradient("Abs", 1, buildUnary(absolute)),
	op.WithGradient("Erf", 9, buildUnary(&unary{f: kernel.Erf, d: ofInput(kernel.ErfBackward)})),
	op.WithGradient("Sin", 7,
		buildUnary(double(math.Sin, func(x, _ float32) float32 { return float32(math.Cos(float64(x))) }))),
	op.WithGradient("Cos", 7,
		buildUnary(double(math.Cos, func(x, _ float32) float32 { return float32(-math.Sin(float64(x))) }))),
	op.WithGradient("Tan", 7, buildUnary(double(math.Tan, func(_, y float32) float32 { return 1 + y*y }))),
	op.WithGradient("Asin", 7, buildUnary(double(math.Asin, func(x, _ float32) float32 { return root(1, x, -1) }))),
	op.WithGradient("Acos", 7, buildUnary(double(math.Acos, func(x, _ float32) float32 { return -root(1, x, -1) }))),
	op.WithGradient("Atan", 7, buildUnary(double(math.Atan, func(x, _ float32) float32 { return 1 / (1 + x*x) }))),
	op.WithGradient("Sinh", 9,
		buildUnary(double(math.Sinh, func(x, _ float32) float32 { return float32(math.Cosh(float64(x))) }))),
	op.WithGradient("Cosh", 9,
		buildUnary(double(math.Cosh, func(x, _ float32) float32 { return float32(math.Sinh(float64(x))) }))),
	op.WithGradient("Asinh", 9, buildUnary(double(math.Asinh, func(x, _ float32) float32 { return root(1, x, 1) }))),
	op.WithGradient("Acosh", 9, buildUnary(double(math.Acosh, func(x, _ float32) float32 { return root(-1, x, 1) }))),
	op.WithGradient("Atanh", 9, buildUnary(double(math.Atanh, func(x, _ float32) float32 { return 1 / (1 - x*x) }))),
	op.WithZeroGradient("Ceil", 1, buildUnary(double(math.Ceil, nil))),
	op.WithZeroGradient("Floor", 1, buildUnary(double(math.Floor, nil))),
	op.WithZeroGradient("Round", 11, buildUnary(double(math.RoundToEven, nil))),
	op.WithZeroGradient("Sign", 9, buildUnary(&unary{f: mapped(op.Sign), ints: signOf})),
	op.WithZeroGradient("IsNaN", 9, buildIsNaN),
	op.WithZeroGradient("IsInf", 10, buildIsInf),
}

// unary is an element-wise function of one input.
type unary struct {
	f    func(w *kernel.Workers, y, x []float32) // y = f(x)
	d    slopeKernel                             // dx = dy·f'(x); none where the gradient is zero
	ints func(v int64) int64                     // f of an integer; nil where only floats are allowed
}

// slopeKernel is a gradient kernel and which of x and y it reads.
type slopeKernel struct {
	run func(w *kernel.Workers, dx, dy, x, y []float32)
	op.Reads
}

// differentiableUnary is a unary with a gradient.
type differentiableUnary struct{ *unary }

var (
	negative = &unary{
		f:    func(w *kernel.Workers, y, x []float32) { kernel.Scale(w, y, x, -1) },
		d:    slopeKernel{run: func(w *kernel.Workers, dx, dy, _, _ []float32) { kernel.Scale(w, dx, dy, -1) }},
		ints: func(v int64) int64 { return -v },
	}
	absolute = &unary{
		f:    mapped(op.Abs32),
		d:    slope(func(x, _ float32) float32 { return op.Sign(x) }),
		ints: func(v int64) int64 { return max(v, -v) },
	}
)

// buildUnary builds a function without attributes.
func buildUnary(u *unary) op.Builder {
	return buildWith(func(*op.Call) *unary { return u })
}

// buildWith builds a function whose attributes make reads.
func buildWith(make func(c *op.Call) *unary) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		if err := c.Need(1); err != nil {
			return nil, nil, err
		}
		u := make(c)
		if !c.In[0].IsFloat() && u.ints == nil {
			return nil, nil, c.ShapeError("input 0 is %s, want floats", c.In[0].Spec)
		}
		if u.d.run == nil {
			return u, []op.Spec{c.In[0].Spec}, nil
		}
		return differentiableUnary{u}, []op.Spec{c.In[0].Spec}, nil
	}
}

// Forward computes f of every element.
func (u *unary) Forward(x *op.Context, in, out []*op.Tensor) error {
	if in[0].Spec().IsFloat() {
		u.f(x.Workers, out[0].F, in[0].F)
		return nil
	}
	t := in[0].Type
	kernel.Map(x.Workers, out[0].I, in[0].I, func(v int64) int64 {
		if t == onnx.Uint64 && v < 0 {
			return u.large(v)
		}
		return op.WrapInt(t, u.ints(v))
	})
	return nil
}

// large is f of an unsigned number above the largest int64, which is held as a negative one: what f keeps, it keeps.
func (u *unary) large(v int64) int64 {
	if y := u.ints(math.MaxInt64); y != math.MaxInt64 {
		return y
	}
	return v
}

// Backward computes dx = dy·f'(x).
func (u differentiableUnary) Backward(x *op.Context, _, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	u.d.run(x.Workers, dx.F, dy.F, in[0].F, out[0].F)
	return nil
}

// mapped is a kernel that calls f for every element.
func mapped(f func(float32) float32) func(w *kernel.Workers, y, x []float32) {
	return func(w *kernel.Workers, y, x []float32) { kernel.Map(w, y, x, f) }
}

// slope is a gradient kernel that calls d, the derivative in terms of x and y, for every element.
func slope(d func(x, y float32) float32) slopeKernel {
	return slopeKernel{func(w *kernel.Workers, dx, dy, x, y []float32) { kernel.MapBackward(w, dx, dy, x, y, d) },
		op.Reads{In: []int{0}, Out: true}}
}

// ofInput is a gradient kernel that does not need y.
func ofInput(d func(w *kernel.Workers, dx, dy, x []float32)) slopeKernel {
	return slopeKernel{func(w *kernel.Workers, dx, dy, x, _ []float32) { d(w, dx, dy, x) }, op.Reads{In: []int{0}}}
}

// ofOutput is a gradient kernel that does not need x.
func ofOutput(d func(w *kernel.Workers, dx, dy, y []float32)) slopeKernel {
	return slopeKernel{func(w *kernel.Workers, dx, dy, _, y []float32) { d(w, dx, dy, y) }, op.Reads{Out: true}}
}

// double is a function computed in double precision, and its derivative.
func double(f func(float64) float64, d func(x, y float32) float32) *unary {
	u := &unary{f: mapped(func(x float32) float32 { return float32(f(float64(x))) })}
	if d != nil {
		u.d = slope(d)
	}
	return u
}

// root is 1/√(a + b·x²).
func root(a float64, x float32, b float64) float32 {
	return float32(1 / math.Sqrt(a+b*float64(x)*float64(x)))
}

func signOf(v int64) int64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// test is a float predicate as a bool tensor.
type test func(x float32) bool

// buildTest builds a predicate.
func buildTest(c *op.Call, t test) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	if !c.In[0].IsFloat() {
		return nil, nil, c.ShapeError("input 0 is %s, want floats", c.In[0].Spec)
	}
	return t, []op.Spec{{Type: onnx.Bool, Shape: slices.Clone(c.In[0].Shape)}}, nil
}

// Forward asks the predicate of every element.
func (t test) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Map(x.Workers, out[0].I, in[0].F, func(v float32) int64 { return op.Truth(t(v)) })
	return nil
}

func buildIsNaN(c *op.Call) (op.Operator, []op.Spec, error) {
	return buildTest(c, func(x float32) bool { return x != x })
}

// buildIsInf follows IsInf of opset 10: detect_positive and detect_negative choose the signs.
func buildIsInf(c *op.Call) (op.Operator, []op.Spec, error) {
	up, down := c.Int("detect_positive", 1) != 0, c.Int("detect_negative", 1) != 0
	return buildTest(c, func(x float32) bool {
		return up && math.IsInf(float64(x), 1) || down && math.IsInf(float64(x), -1)
	})
}

// GradientReads says what Backward reads.
func (u differentiableUnary) GradientReads(_, _ int) op.Reads { return u.d.Reads }
