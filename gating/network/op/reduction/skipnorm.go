package reduction

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// skipNormOps are additions followed by a normalisation, as ONNX Runtime's optimiser writes them.
var skipNormOps = op.Family{
	op.WithGradient("com.microsoft.SkipLayerNormalization", 1, buildSkipLayerNorm),
	op.WithGradient("com.microsoft.SkipSimplifiedLayerNormalization", 1, buildSkipRMSNorm),
}

// skipNorm normalises input + skip + bias along the last axis: inputs input,
// skip, gamma, beta (not in the simplified form) and bias; outputs Y, mean, inverse deviation and
// the sum. Skip and bias repeat along leading axes.
type skipNorm struct {
	norm           *norm
	bias           int       // which input is the bias
	sum            []float32 // of the last Forward: an output, or scratch
	scratch, slope []float32
}

func buildSkipLayerNorm(c *op.Call) (op.Operator, []op.Spec, error) {
	return buildSkipNorm(c, 4, false)
}

func buildSkipRMSNorm(c *op.Call) (op.Operator, []op.Spec, error) { return buildSkipNorm(c, 3, true) }

func buildSkipNorm(c *op.Call, bias int, root bool) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(3); err != nil {
		return nil, nil, err
	}
	x := c.In[0].Shape
	if len(x) == 0 || x[len(x)-1] == 0 {
		return nil, nil, c.ShapeError("input 0 has shape %v, want a last axis to normalise", x)
	}
	size := x[len(x)-1]
	for i := 2; i < len(c.In); i++ {
		if err := c.CheckBias(i, size); err != nil {
			return nil, nil, err
		}
	}
	if n, all := c.In[1].Len(), c.In[0].Len(); n == 0 && all > 0 || n > 0 && all%n != 0 || n%size != 0 {
		return nil, nil,
			c.ShapeError("input 1 has shape %v, want one that repeats along the leading axes of %v", c.In[1].Shape, x)
	}
	g := kernel.Norm{Rows: c.In[0].Len() / size, Size: size, Params: size, Inner: 1, Root: root}
	stat := op.Spec{Type: c.In[0].Type, Shape: reducedShape(x, []int{len(x) - 1}, true)}
	specs := []op.Spec{c.In[0].Spec, stat, stat, c.In[0].Spec}
	return &skipNorm{norm: newNorm(c, g), bias: bias}, specs[:max(1, min(4, c.Outs))], nil
}

// Forward computes the outputs that are read.
func (s *skipNorm) Forward(x *op.Context, in, out []*op.Tensor) error {
	n := s.norm
	sum := op.FloatScratch(&s.scratch, len(in[0].F))
	if len(out) > 3 && out[3] != nil {
		sum = out[3].F
	}
	s.sum = sum
	copy(sum, in[0].F)
	addRepeated(x, sum, in[1].F)
	addRepeated(x, sum, op.Optional(in, s.bias))
	var beta []float32
	if s.bias == 4 {
		beta = op.Optional(in, 3)
	}
	y := out[0]
	if y == nil {
		y = op.NewTensor(in[0].Spec())
	}
	n.geometry.Forward(x.Workers, y.F, n.mean, n.inv, sum, in[2].F, beta)
	for k, list := range [][]float64{1: n.mean, 2: n.inv} {
		if k > 0 && k < len(out) && out[k] != nil {
			op.Narrow(out[k].F, list)
		}
	}
	return nil
}

// addRepeated adds a vector to y as often as it fits.
func addRepeated(x *op.Context, y, v []float32) {
	if len(v) == 0 {
		return
	}
	x.Workers.For(len(y)/len(v), op.RowGrain(len(v)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := y[r*len(v) : (r+1)*len(v)]
			for i, a := range v {
				row[i] += a
			}
		}
	})
}

// Backward computes the gradient of input, skip, gamma, beta or bias through Y,
// the statistics or the sum.
func (s *skipNorm) Backward(x *op.Context, i, k int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	g := &s.norm.geometry
	parameter := i == 2 || i == 3 && s.bias == 4
	switch {
	case k > 0 && parameter, k == 1 && g.Root:
		clear(dx.F)
	case i == 2:
		g.BackwardScale(x.Workers, dx.F, dy.F, s.sum, s.norm.mean, s.norm.inv)
	case parameter:
		g.BackwardBias(x.Workers, dx.F, dy.F)
	case k == 3:
		sumRepeated(x, dy.F, dx.F)
	case k > 0:
		slope := op.FloatScratch(&s.slope, len(in[0].F))
		s.norm.momentGradient(x, k-1, s.sum, dy.F, slope)
		sumRepeated(x, slope, dx.F)
	default:
		slope := op.FloatScratch(&s.slope, len(dy.F))
		g.BackwardInput(x.Workers, slope, dy.F, s.sum, in[2].F, s.norm.mean, s.norm.inv)
		sumRepeated(x, slope, dx.F)
	}
	return nil
}

// sumRepeated adds up the stretches of g as long as to.
func sumRepeated(x *op.Context, g, to []float32) {
	if len(to) == 0 {
		return
	}
	r := kernel.NewReduction([]int{len(g) / len(to), len(to)}, []int{0})
	r.Fold(x.Workers, to, g, kernel.FoldSum, func(_ int, acc float64) float32 { return float32(acc) })
}
