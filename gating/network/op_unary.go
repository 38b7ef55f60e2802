package network

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// unaryOps are element-wise functions of mathematics.
var unaryOps = family{
	full("Exp", 1, buildUnary(&unary{f: kernel.Exp, d: ofOutput(kernel.Product)})),
	full("Log", 1, buildUnary(double(math.Log, func(x, _ float32) float32 { return 1 / x }))),
	full("Sqrt", 1, buildUnary(&unary{f: kernel.Sqrt, d: ofOutput(kernel.SqrtBackward)})),
	full("Reciprocal", 1, buildUnary(&unary{f: kernel.Reciprocal, d: ofOutput(kernel.ReciprocalBackward)})),
	full("Neg", 1, buildUnary(negative)),
	full("Abs", 1, buildUnary(absolute)),
	full("Erf", 9, buildUnary(&unary{f: kernel.Erf, d: ofInput(kernel.ErfBackward)})),
	full("Sin", 7, buildUnary(double(math.Sin, func(x, _ float32) float32 { return float32(math.Cos(float64(x))) }))),
	full("Cos", 7, buildUnary(double(math.Cos, func(x, _ float32) float32 { return float32(-math.Sin(float64(x))) }))),
	full("Tan", 7, buildUnary(double(math.Tan, func(_, y float32) float32 { return 1 + y*y }))),
	full("Asin", 7, buildUnary(double(math.Asin, func(x, _ float32) float32 { return root(1, x, -1) }))),
	full("Acos", 7, buildUnary(double(math.Acos, func(x, _ float32) float32 { return -root(1, x, -1) }))),
	full("Atan", 7, buildUnary(double(math.Atan, func(x, _ float32) float32 { return 1 / (1 + x*x) }))),
	full("Sinh", 9, buildUnary(double(math.Sinh, func(x, _ float32) float32 { return float32(math.Cosh(float64(x))) }))),
	full("Cosh", 9, buildUnary(double(math.Cosh, func(x, _ float32) float32 { return float32(math.Sinh(float64(x))) }))),
	full("Asinh", 9, buildUnary(double(math.Asinh, func(x, _ float32) float32 { return root(1, x, 1) }))),
	full("Acosh", 9, buildUnary(double(math.Acosh, func(x, _ float32) float32 { return root(-1, x, 1) }))),
	full("Atanh", 9, buildUnary(double(math.Atanh, func(x, _ float32) float32 { return 1 / (1 - x*x) }))),
	zero("Ceil", 1, buildUnary(double(math.Ceil, nil))),
	zero("Floor", 1, buildUnary(double(math.Floor, nil))),
	zero("Round", 11, buildUnary(double(math.RoundToEven, nil))),
	zero("Sign", 9, buildUnary(&unary{f: mapped(sign), ints: signOf})),
	zero("IsNaN", 9, buildIsNaN),
	zero("IsInf", 10, buildIsInf),
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
	reads
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
		f:    mapped(abs32),
		d:    slope(func(x, _ float32) float32 { return sign(x) }),
		ints: func(v int64) int64 { return max(v, -v) },
	}
)

// buildUnary builds a function without attributes.
func buildUnary(u *unary) builder {
	return buildWith(func(*call) *unary { return u })
}

// buildWith builds a function whose attributes make reads.
func buildWith(make func(c *call) *unary) builder {
	return func(c *call) (Operator, []Spec, error) {
		if err := c.need(1); err != nil {
			return nil, nil, err
		}
		u := make(c)
		if !c.in[0].IsFloat() && u.ints == nil {
			return nil, nil, c.shapeError("input 0 is %s, want floats", c.in[0].Spec)
		}
		if u.d.run == nil {
			return u, []Spec{c.in[0].Spec}, nil
		}
		return differentiableUnary{u}, []Spec{c.in[0].Spec}, nil
	}
}

// Forward computes f of every element.
func (u *unary) Forward(x *Context, in, out []*Tensor) error {
	if in[0].Spec().IsFloat() {
		u.f(x.Workers, out[0].F, in[0].F)
		return nil
	}
	t := in[0].Type
	kernel.Map(x.Workers, out[0].I, in[0].I, func(v int64) int64 {
		if t == onnx.Uint64 && v < 0 {
			return u.large(v)
		}
		return wrapInt(t, u.ints(v))
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
func (u differentiableUnary) Backward(x *Context, _, _ int, in, out []*Tensor, dy, dx *Tensor) error {
	u.d.run(x.Workers, dx.F, dy.F, in[0].F, out[0].F)
	return nil
}

// mapped is a kernel that calls f for every element.
func mapped(f func(float32) float32) func(w *kernel.Workers, y, x []float32) {
	return func(w *kernel.Workers, y, x []float32) { kernel.Map(w, y, x, f) }
}

// slope is a gradient kernel that calls d, the derivative in terms of x and y, for every element.
func slope(d func(x, y float32) float32) slopeKernel {
	return slopeKernel{func(w *kernel.Workers, dx, dy, x, y []float32) { kernel.MapBackward(w, dx, dy, x, y, d) }, reads{in: []int{0}, out: true}}
}

// ofInput is a gradient kernel that does not need y.
func ofInput(d func(w *kernel.Workers, dx, dy, x []float32)) slopeKernel {
	return slopeKernel{func(w *kernel.Workers, dx, dy, x, _ []float32) { d(w, dx, dy, x) }, reads{in: []int{0}}}
}

// ofOutput is a gradient kernel that does not need x.
func ofOutput(d func(w *kernel.Workers, dx, dy, y []float32)) slopeKernel {
	return slopeKernel{func(w *kernel.Workers, dx, dy, _, y []float32) { d(w, dx, dy, y) }, reads{out: true}}
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
func buildTest(c *call, t test) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	if !c.in[0].IsFloat() {
		return nil, nil, c.shapeError("input 0 is %s, want floats", c.in[0].Spec)
	}
	return t, []Spec{{onnx.Bool, slices.Clone(c.in[0].Shape)}}, nil
}

// Forward asks the predicate of every element.
func (t test) Forward(x *Context, in, out []*Tensor) error {
	kernel.Map(x.Workers, out[0].I, in[0].F, func(v float32) int64 { return truth(t(v)) })
	return nil
}

func buildIsNaN(c *call) (Operator, []Spec, error) {
	return buildTest(c, func(x float32) bool { return x != x })
}

// buildIsInf follows IsInf of opset 10: detect_positive and detect_negative choose the signs.
func buildIsInf(c *call) (Operator, []Spec, error) {
	up, down := c.int("detect_positive", 1) != 0, c.int("detect_negative", 1) != 0
	return buildTest(c, func(x float32) bool {
		return up && math.IsInf(float64(x), 1) || down && math.IsInf(float64(x), -1)
	})
}

// GradientReads says what Backward reads.
func (u differentiableUnary) GradientReads(_, _ int) reads { return u.d.reads }
