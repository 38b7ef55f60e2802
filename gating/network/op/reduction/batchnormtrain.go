package reduction

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// batchNormTraining is BatchNormalization by the batch's own mean and (biased)
// variance. Outputs: Y, the running mean and variance moved on by
// 1-momentum towards the batch's, and, until opset 13, the batch's own.
type batchNormTraining struct {
	op.Channels
	epsilon, momentum float64
	mean, variance    []float64
	scale, shift      []float32
}

// buildBatchNormTraining follows BatchNormalization with training_mode (opset 14)
// or, before, with more than one output.
func buildBatchNormTraining(c *op.Call, l op.Channels) (op.Operator, []op.Spec, error) {
	if l.Batch*l.Inner == 0 {
		return nil, nil, c.ShapeError("input 0 has shape %v: no element to take statistics of", c.In[0].Shape)
	}
	b := &batchNormTraining{
		Channels: l, epsilon: float64(c.Float("epsilon", 1e-5)), momentum: float64(c.Float("momentum", 0.9)),
		mean: make([]float64, l.Count), variance: make([]float64, l.Count), scale: make([]float32, l.Count),
		shift: make([]float32, l.Count),
	}
	specs := []op.Spec{c.In[0].Spec, c.In[3].Spec, c.In[4].Spec}
	if c.Opset < 14 {
		specs = append(specs, c.In[3].Spec, c.In[4].Spec)
	}
	return b, specs[:max(1, min(len(specs), c.Outs))], nil
}

// Forward computes Y and the statistics that are read.
func (b *batchNormTraining) Forward(x *op.Context, in, out []*op.Tensor) error {
	n := float64(b.Batch * b.Inner)
	b.Sums(x, in[0].F, nil, func(c int, sum float64) { b.mean[c] = sum / n })
	b.Sums(x, in[0].F, in[0].F, func(c int, sum float64) { b.variance[c] = math.Max(0, sum/n-b.mean[c]*b.mean[c]) })
	for c := range b.scale {
		s := float64(in[1].F[c]) / math.Sqrt(b.variance[c]+b.epsilon)
		b.scale[c], b.shift[c] = float32(s), float32(float64(in[2].F[c])-s*b.mean[c])
	}
	if out[0] != nil {
		kernel.ScaleShift(x.Workers, out[0].F, in[0].F, b.scale, b.shift, b.Batch, b.Count, b.Inner)
	}
	for k := 1; k < len(out); k++ {
		if out[k] == nil {
			continue
		}
		batch, running := [][]float64{b.variance, b.mean}[k%2], in[4-k%2].F
		for c, v := range batch {
			if k < 3 {
				v = b.momentum*float64(running[c]) + (1-b.momentum)*v
			}
			out[k].F[c] = float32(v)
		}
	}
	return nil
}

// Backward computes the gradient of x, scale or bias. With z the normalised x,
// dx = scale/deviation (dy - mean(dy) - z mean(dy z)). The statistics pass no gradient.
func (b *batchNormTraining) Backward(x *op.Context, i, k int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if k > 0 || i > 2 {
		clear(dx.F)
		return nil
	}
	sum, dot := make([]float64, b.Count), make([]float64, b.Count)
	b.Sums(x, dy.F, nil, func(c int, v float64) { sum[c] = v })
	b.Sums(x, dy.F, in[0].F, func(c int, v float64) {
		dot[c] = (v - sum[c]*b.mean[c]) / math.Sqrt(b.variance[c]+b.epsilon)
	})
	switch i {
	case 0:
		b.inputGradient(x, sum, dot, in[0].F, dy.F, dx.F)
	case 1:
		op.Narrow(dx.F, dot)
	case 2:
		op.Narrow(dx.F, sum)
	}
	return nil
}

// inputGradient writes dx as a·dy + b·x + c with three numbers a channel.
func (b *batchNormTraining) inputGradient(x *op.Context, sum, dot []float64, in, dy, dx []float32) {
	n := float64(b.Batch * b.Inner)
	slope, shift := make([]float32, b.Count), make([]float32, b.Count)
	for c, s := range b.scale {
		along := float64(s) * dot[c] / n / math.Sqrt(b.variance[c]+b.epsilon)
		slope[c], shift[c] = float32(-along), float32(along*b.mean[c]-float64(s)*sum[c]/n)
	}
	kernel.ScaleShift(x.Workers, dx, dy, b.scale, shift, b.Batch, b.Count, b.Inner)
	x.Workers.For(b.Batch*b.Count, op.RowGrain(b.Inner), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			s, from := slope[p%b.Count], in[p*b.Inner:(p+1)*b.Inner]
			for i, v := range from {
				dx[p*b.Inner+i] += s * v
			}
		}
	})
}
