package reduction

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// normOps normalise by the statistics of each sample. ONNX Runtime's optimiser
// writes LayerNormalization and its simplified form under older opsets too.
var normOps = op.Family{
	op.WithGradient("LayerNormalization", 1, buildLayerNorm),
	op.WithGradient("com.microsoft.LayerNormalization", 1, buildLayerNorm),
	op.WithGradient("RMSNormalization", 23, buildRMSNorm),
	op.WithGradient("SimplifiedLayerNormalization", 1, buildRMSNorm),
	op.WithGradient("com.microsoft.SimplifiedLayerNormalization", 1, buildRMSNorm),
	op.WithGradient("InstanceNormalization", 1, buildInstanceNorm),
	op.WithGradient("GroupNormalization", 18, buildGroupNorm),
}

// norm is a normalisation of rows: inputs X, scale and, optional, bias; outputs
// Y and, where moments says so, the rows' mean and 1/sqrt(variance+epsilon).
type norm struct {
	geometry  kernel.Norm
	mean, inv []float64
	moments   []int // which outputs after Y hold the mean (0) and the inverse deviation (1)
}

// newNorm returns the operator for a geometry whose rows are not empty.
func newNorm(c *op.Call, g kernel.Norm) *norm {
	g.Epsilon = float64(c.Float("epsilon", 1e-5))
	return &norm{geometry: g, mean: make([]float64, g.Rows), inv: make([]float64, g.Rows)}
}

// trailing is the geometry of normalising all axes from the attribute axis on.
func trailing(c *op.Call) (g kernel.Norm, axis int, err error) {
	x := c.In[0].Shape
	if axis, err = c.Axis("axis", -1, len(x)); err != nil {
		return g, 0, err
	}
	size := op.SizeOf(x[axis:])
	for i := 1; i < len(c.In); i++ {
		if c.Has(i) && c.In[i].Len() != size {
			return g, 0,
				c.ShapeError("input %d has shape %v, want %v: one for each normalised element", i, c.In[i].Shape,
					x[axis:])
		}
	}
	return kernel.Norm{Rows: op.SizeOf(x[:axis]), Size: size, Params: size, Inner: 1}, axis, nil
}

// buildLayerNorm follows LayerNormalization of opset 17.
func buildLayerNorm(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	g, axis, err := trailing(c)
	if err != nil {
		return nil, nil, err
	}
	n := newNorm(c, g)
	n.moments = []int{0, 1}
	stat := op.Spec{Type: onnx.Float32, Shape: reducedShape(c.In[0].Shape, axesFrom(axis, len(c.In[0].Shape)), true)}
	return n, []op.Spec{c.In[0].Spec, stat, stat}[:max(1, min(3, c.Outs))], nil
}

// axesFrom returns the axes from first to rank-1.
func axesFrom(first, rank int) []int { return firstAxes(rank)[first:] }

// buildRMSNorm follows RMSNormalization of opset 23 and ONNX Runtime's SimplifiedLayerNormalization.
func buildRMSNorm(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	g, axis, err := trailing(c)
	if err != nil {
		return nil, nil, err
	}
	g.Root = true
	n := newNorm(c, g)
	n.moments = []int{1}
	stat := op.Spec{Type: onnx.Float32, Shape: reducedShape(c.In[0].Shape, axesFrom(axis, len(c.In[0].Shape)), true)}
	return n, []op.Spec{c.In[0].Spec, stat}[:max(1, min(2, c.Outs))], nil
}

// buildInstanceNorm follows InstanceNormalization of opsets 1 and 6: rows are the planes of one channel.
func buildInstanceNorm(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(3); err != nil {
		return nil, nil, err
	}
	x := c.In[0].Shape
	if len(x) < 2 {
		return nil, nil, c.ShapeError("input 0 has shape %v, want batch and channels first", x)
	}
	for i := 1; i < 3; i++ {
		if err := c.CheckBias(i, x[1]); err != nil {
			return nil, nil, err
		}
	}
	size := op.SizeOf(x[2:])
	return newNorm(c, kernel.Norm{Rows: x[0] * x[1], Size: size, Params: x[1], Inner: size}), []op.Spec{c.In[0].Spec},
		nil
}

// buildGroupNorm follows GroupNormalization of opset 18, with one scale a group, and 21, with one a channel.
func buildGroupNorm(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(3); err != nil {
		return nil, nil, err
	}
	x, groups := c.In[0].Shape, int(c.Int("num_groups", 0))
	if len(x) < 2 || groups < 1 || x[1]%groups != 0 {
		return nil, nil, c.ShapeError("num_groups is %d, want a number that divides the channels of %v", groups, x)
	}
	inner := op.SizeOf(x[2:])
	g := kernel.Norm{Rows: x[0] * groups, Size: x[1] / groups * inner, Params: x[1], Inner: inner}
	if c.Opset < 21 && !slices.Equal(c.In[1].Shape, []int{x[1]}) {
		g.Params, g.Inner = groups, g.Size
	}
	for i := 1; i < 3; i++ {
		if err := c.CheckBias(i, g.Params); err != nil {
			return nil, nil, err
		}
	}
	return newNorm(c, g), []op.Spec{c.In[0].Spec}, nil
}

// Forward computes Y and the moments that are read.
func (n *norm) Forward(x *op.Context, in, out []*op.Tensor) error {
	y := out[0]
	if y == nil {
		y = op.NewTensor(in[0].Spec())
	}
	n.geometry.Forward(x.Workers, y.F, n.mean, n.inv, in[0].F, in[1].F, op.Optional(in, 2))
	for i, which := range n.moments {
		if i+1 >= len(out) || out[i+1] == nil {
			continue
		}
		for r, v := range [][]float64{n.mean, n.inv}[which] {
			out[i+1].F[r] = float32(v)
		}
	}
	return nil
}

// Backward computes the gradient of X, scale or bias.
func (n *norm) Backward(x *op.Context, i, k int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	g := &n.geometry
	switch {
	case k > 0 && i > 0:
		clear(dx.F)
	case k > 0:
		n.momentGradient(x, n.moments[k-1], in[0].F, dy.F, dx.F)
	case i == 0:
		g.BackwardInput(x.Workers, dx.F, dy.F, in[0].F, in[1].F, n.mean, n.inv)
	case i == 1:
		g.BackwardScale(x.Workers, dx.F, dy.F, in[0].F, n.mean, n.inv)
	default:
		g.BackwardBias(x.Workers, dx.F, dy.F)
	}
	return nil
}

// momentGradient is the gradient of a row's mean, 1/n, or of its inverse
// deviation r, -r^3 (x-mean)/n, times dy.
func (n *norm) momentGradient(x *op.Context, which int, in, dy, dx []float32) {
	size := n.geometry.Size
	x.Workers.For(n.geometry.Rows, op.RowGrain(size), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			share := float64(dy[r]) / float64(size)
			for i := r * size; i < (r+1)*size; i++ {
				if which == 0 {
					dx[i] = float32(share)
				} else {
					dx[i] = float32(-share * n.inv[r] * n.inv[r] * n.inv[r] * (float64(in[i]) - n.mean[r]))
				}
			}
		}
	})
}

// GradientReads leaves the outputs out: mean and deviation are the operator's own.
func (*norm) GradientReads(i, k int) op.Reads {
	switch {
	case i > 1 || i == 1 && k > 0:
		return op.Nothing
	case i == 1 || k > 0:
		return op.Reads{In: []int{0}}
	}
	return op.Reads{In: []int{0, 1}}
}
