package reduction

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// lpNormOps normalise over axes by a norm or by mean and variance, without parameters.
var lpNormOps = op.Family{
	op.WithGradient("LpNormalization", 1, buildLpNormalization),
	op.WithGradient("MeanVarianceNormalization", 9, buildMeanVariance),
}

// lpNormalization is x divided by the sum of |x|, or by the root of the sum of
// squares, along one axis; 0 where that is 0.
type lpNormalization struct {
	reduce
	norm, along []float32
}

func buildLpNormalization(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	axis, err := c.Axis("axis", -1, len(c.In[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	l := &lpNormalization{reduce: reduce{reduceKind: reduceL2,
		Reduction: kernel.NewReduction(c.In[0].Shape, []int{axis})}}
	switch p := c.Int("p", 2); p {
	case 1:
		l.reduceKind = reduceL1
	case 2:
	default:
		return nil, nil, c.ShapeError("p is %d, want 1 or 2", p)
	}
	l.norm, l.along = make([]float32, l.Outputs()), make([]float32, l.Outputs())
	return l, []op.Spec{c.In[0].Spec}, nil
}

// Forward computes y.
func (l *lpNormalization) Forward(x *op.Context, in, out []*op.Tensor) error {
	l.Fold(x.Workers, l.norm, in[0].F, l.fold, func(_ int, acc float64) float32 { return float32(l.finish(acc, 0)) })
	l.each(x, func(i, o int) { out[0].F[i] = ratio(in[0].F[i], l.norm[o]) })
	return nil
}

// Backward computes dx = (dy - s·sum y dy)/norm, s being y for p = 2 and the sign of x for p = 1.
func (l *lpNormalization) Backward(x *op.Context, _, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	y := out[0].F
	l.each(x, func(i, _ int) { dx.F[i] = y[i] * dy.F[i] })
	l.Fold(x.Workers, l.along, dx.F, kernel.FoldSum, func(_ int, acc float64) float32 { return float32(acc) })
	l.each(x, func(i, o int) {
		s := y[i]
		if l.reduceKind == reduceL1 {
			s = op.Sign(in[0].F[i])
		}
		dx.F[i] = ratio(dy.F[i]-s*l.along[o], l.norm[o])
	})
	return nil
}

// meanVarianceEpsilon is added to the deviation, as ONNX's definition of MeanVarianceNormalization has it.
const meanVarianceEpsilon = 1e-9

// meanVariance is (x-mean)/(deviation + epsilon) over the attribute axes.
type meanVariance struct {
	reduce
	mean, deviation []float64
}

func buildMeanVariance(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	axes, err := c.CheckAxes(c.IntList("axes", []int64{0, 2, 3}), len(c.In[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	m := &meanVariance{reduce: reduce{reduceKind: reduceMean, Reduction: kernel.NewReduction(c.In[0].Shape, axes)}}
	m.mean, m.deviation = make([]float64, m.Outputs()), make([]float64, m.Outputs())
	return m, []op.Spec{c.In[0].Spec}, nil
}

// average hands the mean of x over the axes to set.
func (m *meanVariance) average(x *op.Context, f kernel.Fold, from []float32, set func(o int, mean float64)) {
	n := float64(m.Count())
	m.Fold(x.Workers, make([]float32, m.Outputs()), from, f, func(o int, acc float64) float32 {
		set(o, acc/n)
		return 0
	})
}

// Forward computes y.
func (m *meanVariance) Forward(x *op.Context, in, out []*op.Tensor) error {
	from, y := in[0].F, out[0].F
	m.average(x, kernel.FoldSum, from, func(o int, mean float64) { m.mean[o] = mean })
	m.each(x, func(i, o int) { y[i] = float32(float64(from[i]) - m.mean[o]) })
	m.average(x, kernel.FoldSquares, y, func(o int, variance float64) { m.deviation[o] = math.Sqrt(variance) })
	m.each(x, func(i, o int) { y[i] = float32(float64(y[i]) / (m.deviation[o] + meanVarianceEpsilon)) })
	return nil
}

// Backward computes dx = (dy - mean(dy) - z·mean(dy·z))/(deviation + epsilon) with z = (x-mean)/deviation.
func (m *meanVariance) Backward(x *op.Context, _, _ int, _, out []*op.Tensor, dy, dx *op.Tensor) error {
	y := out[0].F
	centre, along := make([]float64, len(m.mean)), make([]float64, len(m.mean))
	m.average(x, kernel.FoldSum, dy.F, func(o int, mean float64) { centre[o] = mean })
	m.each(x, func(i, _ int) { dx.F[i] = dy.F[i] * y[i] })
	m.average(x, kernel.FoldSum, dx.F, func(o int, mean float64) { along[o] = mean })
	m.each(x, func(i, o int) {
		dx.F[i] = float32((float64(dy.F[i]) - centre[o] - float64(y[i])*along[o]) / (m.deviation[o] +
			meanVarianceEpsilon))
	})
	return nil
}

// GradientReads says what Backward reads.
func (*lpNormalization) GradientReads(_, _ int) op.Reads { return op.Reads{In: []int{0}, Out: true} }

// GradientReads says what Backward reads.
func (*meanVariance) GradientReads(_, _ int) op.Reads { return op.Reads{Out: true} }
