package spatial

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// affineGridOps make grids for GridSample.
var affineGridOps = op.Family{
	op.WithGradient("AffineGrid", 20, buildAffineGrid),
}

// affineGrid makes the places [N, out..., rank] at which an image transformed by
// matrices theta [N, rank, rank+1] reads: theta times each place (x, y, ..., 1).
type affineGrid struct {
	out   []int
	align bool
}

// buildAffineGrid follows AffineGrid of opset 20 for two or three spatial axes.
func buildAffineGrid(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	size, err := c.Dims(1)
	if err != nil {
		return nil, nil, err
	}
	rank := len(size) - 2
	if rank < 1 || !slices.Equal(c.In[0].Shape, []int{size[0], rank, rank + 1}) || !c.In[0].IsFloat() {
		return nil, nil, c.ShapeError("theta is %s for a size of %v, want floats [N, rank, rank+1]", c.In[0].Spec, size)
	}
	shape := slices.Concat(size[:1], size[2:], []int{rank})
	return &affineGrid{size[2:], c.Int("align_corners", 0) != 0}, []op.Spec{{Type: c.In[0].Type, Shape: shape}}, nil
}

// each calls do with the homogeneous coordinates (x, y, ..., 1) of every place in order.
func (o *affineGrid) each(do func(p int, at []float64)) {
	rank := len(o.out)
	at := make([]float64, rank+1)
	at[rank] = 1
	place := make([]int, rank)
	for p := range op.SizeOf(o.out) {
		for d, i := range place {
			at[rank-1-d] = o.coordinate(i, o.out[d])
		}
		do(p, at)
		op.Advance(place, o.out)
	}
}

// coordinate is where index i of n lies between -1 and 1.
func (op *affineGrid) coordinate(i, n int) float64 {
	if !op.align {
		return float64(2*i+1)/float64(n) - 1
	}
	if n == 1 {
		return 0
	}
	return 2*float64(i)/float64(n-1) - 1
}

// Forward multiplies every place with its image's matrix.
func (o *affineGrid) Forward(_ *op.Context, in, out []*op.Tensor) error {
	rank, places := len(o.out), op.SizeOf(o.out)
	for n := range out[0].Shape[0] {
		theta := in[0].F[n*rank*(rank+1):]
		o.each(func(p int, at []float64) {
			for r := range rank {
				var sum float64
				for k, v := range at {
					sum += float64(theta[r*(rank+1)+k]) * v
				}
				out[0].F[(n*places+p)*rank+r] = float32(sum)
			}
		})
	}
	return nil
}

// Backward is the gradient with respect to the matrices.
func (o *affineGrid) Backward(_ *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	rank, places := len(o.out), op.SizeOf(o.out)
	for n := range dy.Shape[0] {
		sums := make([]float64, rank*(rank+1))
		o.each(func(p int, at []float64) {
			for r := range rank {
				for k, v := range at {
					sums[r*(rank+1)+k] += float64(dy.F[(n*places+p)*rank+r]) * v
				}
			}
		})
		for k, s := range sums {
			dx.F[n*len(sums)+k] = float32(s)
		}
	}
	return nil
}
