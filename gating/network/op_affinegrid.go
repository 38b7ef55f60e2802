package network

import "slices"

// affineGridOps make grids for GridSample.
var affineGridOps = family{
	full("AffineGrid", 20, buildAffineGrid),
}

// affineGrid makes the places [N, out..., rank] at which an image transformed by
// matrices theta [N, rank, rank+1] reads: theta times each place (x, y, ..., 1).
type affineGrid struct {
	out   []int
	align bool
}

// buildAffineGrid follows AffineGrid of opset 20 for two or three spatial axes.
func buildAffineGrid(c *call) (Operator, []Spec, error) {
	if err := c.need(2); err != nil {
		return nil, nil, err
	}
	size, err := c.dims(1)
	if err != nil {
		return nil, nil, err
	}
	rank := len(size) - 2
	if rank < 1 || !slices.Equal(c.in[0].Shape, []int{size[0], rank, rank + 1}) || !c.in[0].IsFloat() {
		return nil, nil, c.shapeError("theta is %s for a size of %v, want floats [N, rank, rank+1]", c.in[0].Spec, size)
	}
	shape := slices.Concat(size[:1], size[2:], []int{rank})
	return &affineGrid{size[2:], c.int("align_corners", 0) != 0}, []Spec{{c.in[0].Type, shape}}, nil
}

// each calls do with the homogeneous coordinates (x, y, ..., 1) of every place in order.
func (op *affineGrid) each(do func(p int, at []float64)) {
	rank := len(op.out)
	at := make([]float64, rank+1)
	at[rank] = 1
	place := make([]int, rank)
	for p := range sizeOf(op.out) {
		for d, i := range place {
			at[rank-1-d] = op.coordinate(i, op.out[d])
		}
		do(p, at)
		advance(place, op.out)
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
func (op *affineGrid) Forward(_ *Context, in, out []*Tensor) error {
	rank, places := len(op.out), sizeOf(op.out)
	for n := range out[0].Shape[0] {
		theta := in[0].F[n*rank*(rank+1):]
		op.each(func(p int, at []float64) {
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
func (op *affineGrid) Backward(_ *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	rank, places := len(op.out), sizeOf(op.out)
	for n := range dy.Shape[0] {
		sums := make([]float64, rank*(rank+1))
		op.each(func(p int, at []float64) {
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
