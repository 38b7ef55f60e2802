package element

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// onnx1Ops are experimental operators of ONNX 1.2 that its converters wrote and runtimes still read.
var onnx1Ops = op.Family{
	op.WithGradient("Affine", 1, buildAffine),
	op.WithGradient("ImageScaler", 1, buildImageScaler),
	op.WithGradient("Scale", 1, buildScale),
	op.WithGradient("ScaledTanh", 1, buildWith(scaledTanh)),
	op.WithGradient("ParametricSoftplus", 1, buildWith(parametricSoftplus)),
}

// channelAffine is scale·x + shift with one scale and shift a channel.
type channelAffine struct {
	batch, channels, inner int
	scale, shift           []float32
}

// buildAffine follows Affine of opset 1: alpha·x + beta.
func buildAffine(c *op.Call) (op.Operator, []op.Spec, error) {
	return newChannelAffine(c, 1, []float32{c.Float("alpha", 1)}, []float32{c.Float("beta", 0)})
}

// buildScale follows Scale of opset 1: x times the attribute scale.
func buildScale(c *op.Call) (op.Operator, []op.Spec, error) {
	return newChannelAffine(c, 1, []float32{c.Float("scale", 1)}, []float32{0})
}

// buildImageScaler follows ImageScaler of opset 1: x times scale, plus one bias a channel of an N×C×H×W image.
func buildImageScaler(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	bias, shape := c.Attr("bias").GetFloats(), c.In[0].Shape
	if len(shape) != 4 || len(bias) != shape[1] {
		return nil, nil,
			c.ShapeError("%d biases for an input of shape %v, want one a channel of N×C×H×W", len(bias), shape)
	}
	return newChannelAffine(c, len(bias), slices.Repeat([]float32{c.Float("scale", 1)}, len(bias)), bias)
}

// newChannelAffine builds the map for float input 0, whose channels lie along axis 1 unless there is only one.
func newChannelAffine(c *op.Call, channels int, scale, shift []float32) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	x := c.In[0]
	if !x.IsFloat() {
		return nil, nil, c.ShapeError("input 0 is %s, want floats", x.Spec)
	}
	a := &channelAffine{1, channels, x.Len(), scale, shift}
	if channels > 1 {
		a.batch, a.inner = x.Shape[0], op.SizeOf(x.Shape[2:])
	}
	return a, []op.Spec{x.Spec}, nil
}

// Forward computes the map.
func (a *channelAffine) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.ScaleShift(x.Workers, out[0].F, in[0].F, a.scale, a.shift, a.batch, a.channels, a.inner)
	return nil
}

// Backward scales dy.
func (a *channelAffine) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	kernel.ScaleShift(x.Workers, dx.F, dy.F, a.scale, make([]float32, a.channels), a.batch, a.channels, a.inner)
	return nil
}

// scaledTanh is alpha·tanh(beta·x), both defaulting to 1.
func scaledTanh(c *op.Call) *unary {
	alpha, beta := c.Float("alpha", 1), c.Float("beta", 1)
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) {
			kernel.Scale(w, y, x, beta)
			kernel.Tanh(w, y, y)
			kernel.Scale(w, y, y, alpha)
		},
		d: slope(func(_, y float32) float32 { return beta * (alpha - y*y/alpha) }),
	}
}

// parametricSoftplus is alpha·ln(1+e^(beta·x)), both defaulting to 1.
func parametricSoftplus(c *op.Call) *unary {
	alpha, beta := c.Float("alpha", 1), c.Float("beta", 1)
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) {
			kernel.Scale(w, y, x, beta)
			kernel.Softplus(w, y, y)
			kernel.Scale(w, y, y, alpha)
		},
		d: ofInput(func(w *kernel.Workers, dx, dy, x []float32) {
			kernel.Scale(w, dx, x, beta)
			kernel.Sigmoid(w, dx, dx)
			kernel.Product(w, dx, dx, dy)
			kernel.Scale(w, dx, dx, alpha*beta)
		}),
	}
}
