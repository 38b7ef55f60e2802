package element

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// binaryOps are arithmetic of two operands, broadcast to each other.
var binaryOps = op.Family{
	op.WithGradient("Add", 1, buildBinary(&binaryRule{f: kernel.Add, ints: addInts})),
	op.WithGradient("Sub", 1, buildBinary(&binaryRule{f: kernel.Sub, ints: subInts, negate: [2]bool{1: true}})),
	op.WithGradient("Mul", 1,
		buildBinary(&binaryRule{f: kernel.Mul, ints: mulInts, d: mulGradient, reads: op.OtherOperand})),
	op.WithGradient("Div", 1,
		buildBinary(&binaryRule{f: kernel.Div, ints: divInts, d: divGradient,
			reads: op.DivReads, negate: [2]bool{1: true}})),
	op.WithGradient("Pow", 1, buildPow),
	op.WithGradient("Mod", 10, buildMod),
	op.WithGradient("PRelu", 1, buildPRelu),
	op.WithGradient("com.microsoft.BiasGelu", 1, buildBiasGelu),
	op.WithGradient("com.microsoft.FastGelu", 1, buildFastGelu),
}

// binaryRule is a function of two numbers and its derivatives.
type binaryRule struct {
	f    *kernel.Pair[float32, float32]
	ints func(t onnx.DataType) func(a, b int64) int64 // not yet wrapped; nil where only floats are allowed
	// d writes the gradient with respect to operand i over the output's shape, not summed yet; nil where it is dy
	// itself.
	d      func(b *binary, x *op.Context, i int, in, out []*op.Tensor, dy, dst []float32)
	reads  func(i int) op.Reads // what d reads; nil for all
	negate [2]bool              // what d writes is the negative of the gradient
}

// binary is a rule over known shapes.
type binary struct {
	*binaryRule
	shapes [2][]int // of the operands, aligned to the output's last axis
	out    []int
	plan   *kernel.Broadcast // output, a, b
	sides  [2]*kernel.Broadcast
	memory []float32 // gradients before they are summed
}

func buildBinary(rule *binaryRule) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) { return newBinary(c, rule) }
}

// newBinary builds a rule for inputs of the same type.
func newBinary(c *op.Call, rule *binaryRule) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	a, b := c.In[0], c.In[1]
	if a.Type != b.Type {
		return nil, nil, c.ShapeError("inputs are %s and %s, want the same type", a.Spec, b.Spec)
	}
	if !a.IsFloat() && rule.ints == nil {
		return nil, nil, c.ShapeError("inputs are %s and %s, want floats", a.Spec, b.Spec)
	}
	operator, err := binaryOf(c, rule)
	if err != nil {
		return nil, nil, err
	}
	return operator, []op.Spec{{Type: a.Type, Shape: operator.out}}, nil
}

// binaryOf plans the broadcast of inputs 0 and 1.
func binaryOf(c *op.Call, rule *binaryRule) (*binary, error) {
	second, err := aligned(c)
	if err != nil {
		return nil, err
	}
	shapes := [2][]int{c.In[0].Shape, second}
	out, err := broadcast(c, shapes[:]...)
	if err != nil {
		return nil, err
	}
	return &binary{
		binaryRule: rule, shapes: shapes, out: out, plan: kernel.NewBroadcast(out, shapes[0], shapes[1]),
		sides: [2]*kernel.Broadcast{kernel.NewBroadcast(out, out, shapes[0]), kernel.NewBroadcast(out, out, shapes[1])},
	}, nil
}

// aligned returns the shape of the second operand. Before opset 7 it is broadcast only when the attribute
// broadcast is set, and the attribute axis says which axis of the first its own first one stands for.
func aligned(c *op.Call) ([]int, error) {
	a, b := c.In[0].Shape, c.In[1].Shape
	if c.Node.GetDomain() == "com.microsoft" || c.Opset >= 7 {
		return b, nil
	}
	if c.Int("broadcast", 0) == 0 {
		if !slices.Equal(a, b) {
			return nil, c.ShapeError("inputs have shapes %v and %v and the attribute broadcast is not set", a, b)
		}
		return b, nil
	}
	if c.Attr("axis") == nil {
		return b, nil
	}
	axis, err := c.Axis("axis", 0, len(a))
	if err != nil {
		return nil, err
	}
	after := len(a) - axis - len(b)
	if after < 0 {
		return nil, c.ShapeError("shape %v at axis %d does not fit into shape %v", b, axis, a)
	}
	shape := slices.Clone(b)
	for range after {
		shape = append(shape, 1)
	}
	return shape, nil
}

// broadcast returns the shape that the shapes broadcast to.
func broadcast(c *op.Call, shapes ...[]int) ([]int, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	for _, s := range shapes {
		for i, d := range s {
			at := &out[rank-len(s)+i]
			switch {
			case d == 1 || d == *at:
			case *at == 1:
				*at = d
			default:
				return nil, c.ShapeError("inputs have shapes %v, which do not broadcast to each other", shapes)
			}
		}
	}
	return out, nil
}

// Forward computes f of the broadcast operands.
func (b *binary) Forward(x *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		kernel.Combine(x.Workers, out[0].F, in[0].F, in[1].F, b.plan, b.f)
		return nil
	}
	t := out[0].Type
	f := b.ints(t)
	kernel.Combine(x.Workers, out[0].I, in[0].I, in[1].I, b.plan,
		kernel.PairOf(func(p, q int64) int64 { return op.WrapInt(t, f(p, q)) }))
	return nil
}

// Backward computes the gradient over the output's shape and sums it over the operand's broadcast axes.
func (b *binary) Backward(x *op.Context, i, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	full, same := dy.F, op.SizeOf(b.shapes[i]) == dy.Len()
	if b.d != nil {
		full = dx.F
		if !same {
			b.memory = op.Resize(b.memory, dy.Len())
			full = b.memory
		}
		b.d(b, x, i, in, out, dy.F, full)
	}
	if b.d == nil || !same {
		kernel.SumTo(x.Workers, dx.F, full, b.shapes[i], b.out)
	}
	if b.negate[i] {
		kernel.Scale(x.Workers, dx.F, dx.F, -1)
	}
	return nil
}

// mulGradient is dy times the other operand.
func mulGradient(b *binary, x *op.Context, i int, in, _ []*op.Tensor, dy, dst []float32) {
	kernel.Combine(x.Workers, dst, dy, in[1-i].F, b.sides[1-i], kernel.Mul)
}

// divGradient is dy/b, and for the divisor dy·y/b, the negative of the gradient.
func divGradient(b *binary, x *op.Context, i int, in, out []*op.Tensor, dy, dst []float32) {
	if i == 1 {
		kernel.Product(x.Workers, dst, dy, out[0].F)
		dy = dst
	}
	kernel.Combine(x.Workers, dst, dy, in[1].F, b.sides[1], kernel.Div)
}

// gradientOf makes d of a rule from the derivatives with respect to each operand, in terms of both and of y.
func gradientOf(slopes [2]func(p, q, y float32) float32) func(*binary, *op.Context, int, []*op.Tensor,
	[]*op.Tensor, []float32, []float32) {
	return func(b *binary, x *op.Context, i int, in, out []*op.Tensor, dy, dst []float32) {
		p, q, y, slope := in[0].F, in[1].F, out[0].F, slopes[i]
		steps := b.plan.Steps()
		b.plan.Rows(x.Workers, func(o, n int, at []int) {
			for j := range n {
				dst[o+j] = dy[o+j] * slope(p[at[0]+j*steps[0]], q[at[1]+j*steps[1]], y[o+j])
			}
		})
	}
}

func addInts(onnx.DataType) func(a, b int64) int64 { return func(a, b int64) int64 { return a + b } }
func subInts(onnx.DataType) func(a, b int64) int64 { return func(a, b int64) int64 { return a - b } }
func mulInts(onnx.DataType) func(a, b int64) int64 { return func(a, b int64) int64 { return a * b } }

// divInts divides towards zero; by zero the quotient is 0, since ONNX leaves it open and a graph must not stop the
// program.
func divInts(t onnx.DataType) func(a, b int64) int64 {
	return func(a, b int64) int64 {
		switch {
		case b == 0:
			return 0
		case t == onnx.Uint64:
			return int64(uint64(a) / uint64(b))
		}
		return a / b
	}
}

// buildMod follows Mod of opset 10: the sign of the divisor, or with fmod that of the dividend. Floats need fmod.
func buildMod(c *op.Call) (op.Operator, []op.Spec, error) {
	fmod := c.Int("fmod", 0) != 0
	if c.Has(0) && c.In[0].IsFloat() && !fmod {
		return nil, nil, c.ShapeError("input 0 is %s and attribute fmod is 0, want 1 for floats", c.In[0].Spec)
	}
	return newBinary(c, &binaryRule{
		f:    kernel.PairOf(func(a, b float32) float32 { return float32(math.Mod(float64(a), float64(b))) }),
		ints: func(t onnx.DataType) func(a, b int64) int64 { return modInts(t, fmod) },
		d: gradientOf([2]func(a, b, y float32) float32{
			func(_, _, _ float32) float32 { return 1 },
			func(a, b, _ float32) float32 { return -float32(math.Trunc(float64(a / b))) },
		}),
	})
}

// modInts is the remainder; of a division by zero it is 0.
func modInts(t onnx.DataType, fmod bool) func(a, b int64) int64 {
	return func(a, b int64) int64 {
		switch {
		case b == 0:
			return 0
		case t == onnx.Uint64:
			return int64(uint64(a) % uint64(b))
		}
		m := a % b
		if !fmod && m != 0 && (m < 0) != (b < 0) {
			m += b
		}
		return m
	}
}

// buildPRelu follows PRelu: x where x > 0, else slope·x. Before opset 7 a slope of one axis lies along axis 1.
func buildPRelu(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	x, slope := c.In[0], c.In[1]
	if c.Opset < 7 && len(slope.Shape) == 1 && slope.Shape[0] != 1 && len(x.Shape) > 1 {
		shape := slices.Clone(slope.Shape)
		for range len(x.Shape) - 2 {
			shape = append(shape, 1)
		}
		slope.Shape = shape
	}
	c.Opset = max(c.Opset, 7)
	op, specs, err := newBinary(c, preluRule)
	if err == nil && !slices.Equal(specs[0].Shape, x.Shape) {
		return nil, nil,
			c.ShapeError("the slope of shape %v does not broadcast to the input's shape %v", slope.Shape, x.Shape)
	}
	return op, specs, err
}

var preluRule = &binaryRule{
	f: kernel.PRelu,
	ints: func(onnx.DataType) func(a, b int64) int64 {
		return func(x, s int64) int64 {
			if x < 0 {
				return s * x
			}
			return x
		}
	},
	d: preluGradient,
}

// preluGradient is dy where x > 0, else slope·dy; and for the slope dy·x where x < 0, else 0.
func preluGradient(b *binary, x *op.Context, i int, in, _ []*op.Tensor, dy, dst []float32) {
	v, slopes, step := in[0].F, in[1].F, b.plan.Steps()[1]
	b.plan.Rows(x.Workers, func(o, n int, at []int) {
		v := v[at[0] : at[0]+n]
		switch {
		case i == 1:
			for j, v := range v {
				dst[o+j] = dy[o+j] * min(v, 0)
			}
		case step == 0 || n == 1:
			kernel.LeakyReluBackward(nil, dst[o:o+n], dy[o:o+n], v, slopes[at[1]])
		default:
			for j, v := range v {
				if dst[o+j] = dy[o+j]; !(v > 0) {
					dst[o+j] *= slopes[at[1]+j]
				}
			}
		}
	})
}

// GradientReads says what Backward reads.
func (b *binary) GradientReads(i, _ int) op.Reads {
	switch {
	case b.d == nil:
		return op.Nothing
	case b.reads != nil:
		return b.reads(i)
	}
	return op.Reads{In: []int{0, 1}, Out: true}
}
