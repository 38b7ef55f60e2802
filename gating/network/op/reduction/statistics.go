package reduction

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// Statistics collects a normalisation's input statistics while a graph runs.
// A BatchNormalization named in Config.Statistics normalises each batch by the
// batch's own mean and variance, as in training, and adds them up here.
type Statistics struct {
	Batches  int
	mean     []float64
	variance []float64
}

// Mean returns the mean over the batches of each channel's mean.
func (s *Statistics) Mean() []float64 { return s.over(s.mean) }

// Variance returns the mean over the batches of each channel's unbiased variance.
func (s *Statistics) Variance() []float64 { return s.over(s.variance) }

func (s *Statistics) over(sums []float64) []float64 {
	out := make([]float64, len(sums))
	for i, v := range sums {
		out[i] = v / float64(s.Batches)
	}
	return out
}

// collectNorm is BatchNormalization by the batch's own statistics (ONNX
// BatchNormalization with training_mode, opset 14), which it collects.
type collectNorm struct {
	eps  float64
	into *Statistics
}

// Build is the builder of the collecting operator.
func (s *Statistics) Build(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	x := c.In[0].Spec
	if len(x.Shape) < 2 || c.In[1].Len() != x.Shape[1] || c.In[2].Len() != x.Shape[1] {
		return nil, nil, c.ShapeError("input %s with scale %s and bias %s", x, c.In[1].Spec, c.In[2].Spec)
	}
	if len(s.mean) != x.Shape[1] { // the graph may be lowered several times, for batches of several shapes
		*s = Statistics{mean: make([]float64, x.Shape[1]), variance: make([]float64, x.Shape[1])}
	}
	return &collectNorm{float64(c.Float("epsilon", 1e-5)), s}, []op.Spec{x}, nil
}

// Forward normalises and collects.
func (b *collectNorm) Forward(_ *op.Context, in, out []*op.Tensor) error {
	shape := in[0].Shape
	channels, inner := shape[1], op.SizeOf(shape[2:])
	for c := range channels {
		mean, variance, n := channelMoments(in[0].F, shape[0], channels, inner, c)
		b.into.mean[c] += mean
		b.into.variance[c] += variance * n / math.Max(1, n-1)
		scale := float64(in[1].F[c]) / math.Sqrt(variance+b.eps)
		shift := float64(in[2].F[c]) - mean*scale
		for s := range shape[0] {
			lo := (s*channels + c) * inner
			for i := lo; i < lo+inner; i++ {
				out[0].F[i] = float32(float64(in[0].F[i])*scale + shift)
			}
		}
	}
	b.into.Batches++
	return nil
}

// channelMoments returns the mean, biased variance and count of one channel.
func channelMoments(x []float32, batch, channels, inner, c int) (mean, variance, n float64) {
	n = float64(batch * inner)
	for s := range batch {
		lo := (s*channels + c) * inner
		for _, v := range x[lo : lo+inner] {
			mean += float64(v) / n
		}
	}
	for s := range batch {
		lo := (s*channels + c) * inner
		for _, v := range x[lo : lo+inner] {
			d := float64(v) - mean
			variance += d * d / n
		}
	}
	return mean, variance, n
}
