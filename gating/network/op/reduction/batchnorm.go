package reduction

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// batchNormOps normalise channels by statistics that are inputs.
var batchNormOps = op.Family{
	op.WithGradient("BatchNormalization", 1, buildBatchNorm),
}

// scaleShift is y = s*x + t with one s and t a channel: a BatchNormalization at
// inference whose statistics are already folded into inputs 1 and 2.
type scaleShift struct{ op.Channels }

// BuildScaleShift builds a BatchNormalization whose scale and bias hold the whole affine map: y = s x + t.
func BuildScaleShift(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(3); err != nil {
		return nil, nil, err
	}
	l, err := c.ChannelLayout()
	if err != nil {
		return nil, nil, err
	}
	for i := 1; i < 3; i++ {
		if err := c.CheckBias(i, l.Count); err != nil {
			return nil, nil, err
		}
	}
	return &scaleShift{l}, []op.Spec{c.In[0].Spec}, nil
}

// Forward computes y.
func (s *scaleShift) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.ScaleShift(x.Workers, out[0].F, in[0].F, in[1].F, in[2].F, s.Batch, s.Count, s.Inner)
	return nil
}

// Backward computes the gradient of x, s or t.
func (s *scaleShift) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	switch i {
	case 0:
		kernel.ScaleShift(x.Workers, dx.F, dy.F, in[1].F, make([]float32, s.Count), s.Batch, s.Count, s.Inner)
	case 1:
		s.Sums(x, dy.F, in[0].F, func(c int, sum float64) { dx.F[c] = float32(sum) })
	case 2:
		s.Sums(x, dy.F, nil, func(c int, sum float64) { dx.F[c] = float32(sum) })
	}
	return nil
}

// batchNorm is BatchNormalization at inference: y = (x-mean)/sqrt(var+eps)*scale + bias.
type batchNorm struct {
	op.Channels
	epsilon      float64
	scale, shift []float32 // the affine map that the four statistics make
}

// buildBatchNorm follows BatchNormalization of opsets 1, 6, 7, 9, 14 and 15. Until
// opset 13 more than one output asks for training mode, from 14 on the attribute.
func buildBatchNorm(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(5); err != nil {
		return nil, nil, err
	}
	l, err := c.ChannelLayout()
	if err != nil {
		return nil, nil, err
	}
	x := c.In[0].Shape
	if c.Opset < 9 && c.Int("spatial", 1) == 0 && len(x) > 1 {
		l = op.Channels{Batch: x[0], Count: op.SizeOf(x[1:]), Inner: 1}
	}
	for i := 1; i < 5; i++ {
		if op.SizeOf(c.In[i].Shape) != l.Count || len(c.In[i].Shape) > 1 && l.Inner > 1 {
			return nil, nil, c.ShapeError("input %d has shape %v, want [%d]: one a channel", i, c.In[i].Shape, l.Count)
		}
	}
	if training(c) {
		return buildBatchNormTraining(c, l)
	}
	b := &batchNorm{Channels: l, epsilon: float64(c.Float("epsilon", 1e-5)),
		scale: make([]float32, l.Count), shift: make([]float32, l.Count)}
	return b, []op.Spec{c.In[0].Spec}, nil
}

// training says whether a BatchNormalization normalises by the batch's own statistics.
func training(c *op.Call) bool {
	if c.Opset >= 14 {
		return c.Int("training_mode", 0) != 0
	}
	outs := c.Node.GetOutput()
	return len(outs) > 1 && slices.ContainsFunc(outs[1:], func(name string) bool { return name != "" })
}

// fold computes the affine map of the statistics.
func (b *batchNorm) fold(in []*op.Tensor) {
	for c := range b.scale {
		s := float64(in[1].F[c]) * b.invStd(in, c)
		b.scale[c] = float32(s)
		b.shift[c] = float32(float64(in[2].F[c]) - s*float64(in[3].F[c]))
	}
}

func (b *batchNorm) invStd(in []*op.Tensor, c int) float64 {
	return 1 / math.Sqrt(float64(in[4].F[c])+b.epsilon)
}

// Forward computes y.
func (b *batchNorm) Forward(x *op.Context, in, out []*op.Tensor) error {
	b.fold(in)
	kernel.ScaleShift(x.Workers, out[0].F, in[0].F, b.scale, b.shift, b.Batch, b.Count, b.Inner)
	return nil
}

// Backward computes the gradient of x, scale, bias, mean or variance. With
// r = 1/sqrt(var+eps): dscale = r sum dy (x-mean), dmean = -scale r sum dy,
// dvar = -scale r^3/2 sum dy (x-mean).
func (b *batchNorm) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if i == 0 {
		b.fold(in)
		kernel.ScaleShift(x.Workers, dx.F, dy.F, b.scale, make([]float32, b.Count), b.Batch, b.Count, b.Inner)
		return nil
	}
	sum := make([]float64, b.Count)
	b.Sums(x, dy.F, nil, func(c int, v float64) { sum[c] = v })
	dot := make([]float64, b.Count)
	if i == 1 || i == 4 {
		b.Sums(x, dy.F, in[0].F, func(c int, v float64) { dot[c] = v - sum[c]*float64(in[3].F[c]) })
	}
	for c := range dx.F {
		r, scale := b.invStd(in, c), float64(in[1].F[c])
		dx.F[c] = float32([...]float64{1: r * dot[c], 2: sum[c], 3: -scale * r * sum[c],
			4: -scale * r * r * r / 2 * dot[c]}[i])
	}
	return nil
}
