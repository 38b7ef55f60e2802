package network

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
)

// axisNormOps normalise over axes by a norm or by mean and variance, without parameters.
var axisNormOps = family{
	full("LpNormalization", 1, buildLpNormalization),
	full("MeanVarianceNormalization", 9, buildMeanVariance),
}

// lpNormalization is x divided by the sum of |x|, or by the root of the sum of
// squares, along one axis; 0 where that is 0.
type lpNormalization struct {
	reduce
	norm, along []float32
}

func buildLpNormalization(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	axis, err := c.axis("axis", -1, len(c.in[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	l := &lpNormalization{reduce: reduce{reduceKind: reduceL2, Reduction: kernel.NewReduction(c.in[0].Shape, []int{axis})}}
	switch p := c.int("p", 2); p {
	case 1:
		l.reduceKind = reduceL1
	case 2:
	default:
		return nil, nil, c.shapeError("p is %d, want 1 or 2", p)
	}
	l.norm, l.along = make([]float32, l.Outputs()), make([]float32, l.Outputs())
	return l, []Spec{c.in[0].Spec}, nil
}

// Forward computes y.
func (l *lpNormalization) Forward(x *Context, in, out []*Tensor) error {
	l.Fold(x.Workers, l.norm, in[0].F, l.fold, func(_ int, acc float64) float32 { return float32(l.finish(acc, 0)) })
	l.each(x, func(i, o int) { out[0].F[i] = ratio(in[0].F[i], l.norm[o]) })
	return nil
}

// Backward computes dx = (dy - s·sum y dy)/norm, s being y for p = 2 and the sign of x for p = 1.
func (l *lpNormalization) Backward(x *Context, _, _ int, in, out []*Tensor, dy, dx *Tensor) error {
	y := out[0].F
	l.each(x, func(i, _ int) { dx.F[i] = y[i] * dy.F[i] })
	l.Fold(x.Workers, l.along, dx.F, kernel.FoldSum, func(_ int, acc float64) float32 { return float32(acc) })
	l.each(x, func(i, o int) {
		s := y[i]
		if l.reduceKind == reduceL1 {
			s = sign(in[0].F[i])
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

func buildMeanVariance(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	axes, err := c.checkAxes(c.intList("axes", []int64{0, 2, 3}), len(c.in[0].Shape))
	if err != nil {
		return nil, nil, err
	}
	m := &meanVariance{reduce: reduce{reduceKind: reduceMean, Reduction: kernel.NewReduction(c.in[0].Shape, axes)}}
	m.mean, m.deviation = make([]float64, m.Outputs()), make([]float64, m.Outputs())
	return m, []Spec{c.in[0].Spec}, nil
}

// average hands the mean of x over the axes to set.
func (m *meanVariance) average(x *Context, f kernel.Fold, from []float32, set func(o int, mean float64)) {
	n := float64(m.Count())
	m.Fold(x.Workers, make([]float32, m.Outputs()), from, f, func(o int, acc float64) float32 {
		set(o, acc/n)
		return 0
	})
}

// Forward computes y.
func (m *meanVariance) Forward(x *Context, in, out []*Tensor) error {
	from, y := in[0].F, out[0].F
	m.average(x, kernel.FoldSum, from, func(o int, mean float64) { m.mean[o] = mean })
	m.each(x, func(i, o int) { y[i] = float32(float64(from[i]) - m.mean[o]) })
	m.average(x, kernel.FoldSquares, y, func(o int, variance float64) { m.deviation[o] = math.Sqrt(variance) })
	m.each(x, func(i, o int) { y[i] = float32(float64(y[i]) / (m.deviation[o] + meanVarianceEpsilon)) })
	return nil
}

// Backward computes dx = (dy - mean(dy) - z·mean(dy·z))/(deviation + epsilon) with z = (x-mean)/deviation.
func (m *meanVariance) Backward(x *Context, _, _ int, _, out []*Tensor, dy, dx *Tensor) error {
	y := out[0].F
	centre, along := make([]float64, len(m.mean)), make([]float64, len(m.mean))
	m.average(x, kernel.FoldSum, dy.F, func(o int, mean float64) { centre[o] = mean })
	m.each(x, func(i, _ int) { dx.F[i] = dy.F[i] * y[i] })
	m.average(x, kernel.FoldSum, dx.F, func(o int, mean float64) { along[o] = mean })
	m.each(x, func(i, o int) {
		dx.F[i] = float32((float64(dy.F[i]) - centre[o] - float64(y[i])*along[o]) / (m.deviation[o] + meanVarianceEpsilon))
	})
	return nil
}

// GradientReads says what Backward reads.
func (*lpNormalization) GradientReads(_, _ int) reads { return reads{in: []int{0}, out: true} }

// GradientReads says what Backward reads.
func (*meanVariance) GradientReads(_, _ int) reads { return reads{out: true} }
