package network

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// batchNormOps normalise channels by statistics that are inputs.
var batchNormOps = family{
	full("BatchNormalization", 1, buildBatchNorm),
}

// scaleShift is y = s*x + t with one s and t a channel: a BatchNormalization at
// inference whose statistics are already folded into inputs 1 and 2.
type scaleShift struct{ channels }

func buildScaleShift(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(3); err != nil {
		return nil, nil, err
	}
	l, err := c.channelLayout()
	if err != nil {
		return nil, nil, err
	}
	for i := 1; i < 3; i++ {
		if err := c.checkBias(i, l.count); err != nil {
			return nil, nil, err
		}
	}
	return &scaleShift{l}, []Spec{c.in[0].Spec}, nil
}

// Forward computes y.
func (s *scaleShift) Forward(x *Context, in, out []*Tensor) error {
	kernel.ScaleShift(x.Workers, out[0].F, in[0].F, in[1].F, in[2].F, s.batch, s.count, s.inner)
	return nil
}

// Backward computes the gradient of x, s or t.
func (s *scaleShift) Backward(x *Context, i, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	switch i {
	case 0:
		kernel.ScaleShift(x.Workers, dx.F, dy.F, in[1].F, make([]float32, s.count), s.batch, s.count, s.inner)
	case 1:
		s.sums(x, dy.F, in[0].F, func(c int, sum float64) { dx.F[c] = float32(sum) })
	case 2:
		s.sums(x, dy.F, nil, func(c int, sum float64) { dx.F[c] = float32(sum) })
	}
	return nil
}

// batchNorm is BatchNormalization at inference: y = (x-mean)/sqrt(var+eps)*scale + bias.
type batchNorm struct {
	channels
	epsilon      float64
	scale, shift []float32 // the affine map that the four statistics make
}

// buildBatchNorm follows BatchNormalization of opsets 1, 6, 7, 9, 14 and 15. Until
// opset 13 more than one output asks for training mode, from 14 on the attribute.
func buildBatchNorm(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(5); err != nil {
		return nil, nil, err
	}
	l, err := c.channelLayout()
	if err != nil {
		return nil, nil, err
	}
	x := c.in[0].Shape
	if c.opset < 9 && c.int("spatial", 1) == 0 && len(x) > 1 {
		l = channels{x[0], sizeOf(x[1:]), 1}
	}
	for i := 1; i < 5; i++ {
		if sizeOf(c.in[i].Shape) != l.count || len(c.in[i].Shape) > 1 && l.inner > 1 {
			return nil, nil, c.shapeError("input %d has shape %v, want [%d]: one a channel", i, c.in[i].Shape, l.count)
		}
	}
	if c.training() {
		return buildBatchNormTraining(c, l)
	}
	b := &batchNorm{channels: l, epsilon: float64(c.float("epsilon", 1e-5)), scale: make([]float32, l.count), shift: make([]float32, l.count)}
	return b, []Spec{c.in[0].Spec}, nil
}

// training says whether a BatchNormalization normalises by the batch's own statistics.
func (c *call) training() bool {
	if c.opset >= 14 {
		return c.int("training_mode", 0) != 0
	}
	outs := c.node.GetOutput()
	return len(outs) > 1 && slices.ContainsFunc(outs[1:], func(name string) bool { return name != "" })
}

// fold computes the affine map of the statistics.
func (b *batchNorm) fold(in []*Tensor) {
	for c := range b.scale {
		s := float64(in[1].F[c]) * b.invStd(in, c)
		b.scale[c] = float32(s)
		b.shift[c] = float32(float64(in[2].F[c]) - s*float64(in[3].F[c]))
	}
}

func (b *batchNorm) invStd(in []*Tensor, c int) float64 {
	return 1 / math.Sqrt(float64(in[4].F[c])+b.epsilon)
}

// Forward computes y.
func (b *batchNorm) Forward(x *Context, in, out []*Tensor) error {
	b.fold(in)
	kernel.ScaleShift(x.Workers, out[0].F, in[0].F, b.scale, b.shift, b.batch, b.count, b.inner)
	return nil
}

// Backward computes the gradient of x, scale, bias, mean or variance. With
// r = 1/sqrt(var+eps): dscale = r sum dy (x-mean), dmean = -scale r sum dy,
// dvar = -scale r^3/2 sum dy (x-mean).
func (b *batchNorm) Backward(x *Context, i, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	if i == 0 {
		b.fold(in)
		kernel.ScaleShift(x.Workers, dx.F, dy.F, b.scale, make([]float32, b.count), b.batch, b.count, b.inner)
		return nil
	}
	sum := make([]float64, b.count)
	b.sums(x, dy.F, nil, func(c int, v float64) { sum[c] = v })
	dot := make([]float64, b.count)
	if i == 1 || i == 4 {
		b.sums(x, dy.F, in[0].F, func(c int, v float64) { dot[c] = v - sum[c]*float64(in[3].F[c]) })
	}
	for c := range dx.F {
		r, scale := b.invStd(in, c), float64(in[1].F[c])
		dx.F[c] = float32([...]float64{1: r * dot[c], 2: sum[c], 3: -scale * r * sum[c], 4: -scale * r * r * r / 2 * dot[c]}[i])
	}
	return nil
}
