package element

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// buildPow follows Pow: the exponent may be of another type from opset 12 on, the result has the base's type.
func buildPow(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	if b := c.In[1]; b.Const != nil && b.Len() == 1 && len(b.Shape) <= len(c.In[0].Shape) && c.In[0].IsFloat() {
		if u := fixedPower(asFloats(b.Const)[0]); u != nil {
			return differentiableUnary{u}, []op.Spec{c.In[0].Spec}, nil
		}
	}
	rule := &binaryRule{
		f:    kernel.PairOf(power),
		ints: func(onnx.DataType) func(a, b int64) int64 { return powerInts },
		d:    gradientOf([2]func(a, b, y float32) float32{powerSlopeBase, powerSlopeExponent}),
	}
	operator, err := binaryOf(c, rule)
	if err != nil {
		return nil, nil, err
	}
	spec := []op.Spec{{Type: c.In[0].Type, Shape: operator.out}}
	if c.In[0].IsFloat() == c.In[1].IsFloat() {
		return operator, spec, nil
	}
	return &mixedPow{operator}, spec, nil
}

// fixedPower is the function of the base alone for the constant exponents that exporters write most, nil for others.
func fixedPower(exponent float32) *unary {
	switch exponent {
	case 2:
		return &unary{
			f: func(w *kernel.Workers, y, x []float32) { kernel.Product(w, y, x, x) },
			d: ofInput(func(w *kernel.Workers, dx, dy, x []float32) {
				kernel.Product(w, dx, dy, x)
				kernel.Scale(w, dx, dx, 2)
			}),
		}
	case 3:
		return &unary{
			f: mapped(func(x float32) float32 { return x * x * x }),
			d: slope(func(x, _ float32) float32 { return 3 * x * x }),
		}
	case 0.5:
		return &unary{f: kernel.Sqrt, d: ofOutput(kernel.SqrtBackward)}
	case -1:
		return &unary{f: kernel.Reciprocal, d: ofOutput(kernel.ReciprocalBackward)}
	}
	return nil
}

func power(a, b float32) float32 { return float32(math.Pow(float64(a), float64(b))) }

// powerSlopeBase is b·a^(b-1), 0 for an exponent of 0 as PyTorch has it.
func powerSlopeBase(a, b, _ float32) float32 {
	if b == 0 {
		return 0
	}
	return b * float32(math.Pow(float64(a), float64(b)-1))
}

// powerSlopeExponent is a^b·ln a, 0 for a base of 0 and an exponent of at least 0.
func powerSlopeExponent(a, b, y float32) float32 {
	if a == 0 && b >= 0 {
		return 0
	}
	return y * float32(math.Log(float64(a)))
}

// powerInts is a^b by squaring; a negative exponent leaves only 1 and -1 different from 0.
func powerInts(a, b int64) int64 {
	if b < 0 {
		switch {
		case a == 1, a == -1 && b%2 == 0:
			return 1
		case a == -1:
			return -1
		}
		return 0
	}
	p := int64(1)
	for ; b > 0; b >>= 1 {
		if b&1 != 0 {
			p *= a
		}
		a *= a
	}
	return p
}

// mixedPow is a power of which one operand is an integer.
type mixedPow struct{ *binary }

// Forward computes the power in floats and converts it to the base's type.
func (m *mixedPow) Forward(x *op.Context, in, out []*op.Tensor) error {
	y := out[0].F
	if y == nil {
		y = make([]float32, out[0].Len())
	}
	kernel.Combine(x.Workers, y, asFloats(in[0]), asFloats(in[1]), m.plan, m.f)
	if out[0].F == nil {
		for i, v := range y {
			out[0].I[i] = integerOf(out[0].Type, v)
		}
	}
	return nil
}

// Backward computes the gradient with respect to whichever operand is a float.
func (m *mixedPow) Backward(x *op.Context, i, k int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	floats := []*op.Tensor{{F: asFloats(in[0])}, {F: asFloats(in[1])}}
	return m.binary.Backward(x, i, k, floats, out, dy, dx)
}

// asFloats returns the elements of a tensor of any type as floats.
func asFloats(t *op.Tensor) []float32 {
	if t.Spec().IsFloat() {
		return t.F
	}
	f := make([]float32, len(t.I))
	for i, v := range t.I {
		f[i] = floatOf(t.Type, v)
	}
	return f
}
