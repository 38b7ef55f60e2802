package spatial

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// maxRoiPool is MaxRoiPool: the greatest element of every bin of a box, whose
// corners are rounded to pixels; 0 for a bin outside the image.
type maxRoiPool struct {
	images, channels, height, width int
	rows, cols                      int
	scale                           float64
	chosen                          []int // element of X behind each output, -1 for none
}

// buildMaxRoiPool follows MaxRoiPool of opset 1: boxes are image, left, top, right, bottom.
func buildMaxRoiPool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(2); err != nil {
		return nil, nil, err
	}
	x, rois := c.In[0].Shape, c.In[1].Shape
	if len(x) != 4 || len(rois) != 2 || rois[1] != 5 {
		return nil, nil,
			c.ShapeError("inputs have shapes %v and %v, want an image batch and boxes of 5 numbers", x, rois)
	}
	size, err := extents(c, "pooled_shape", 2, 0, 1)
	if err != nil {
		return nil, nil, err
	}
	if size[0] == 0 {
		return nil, nil, c.ShapeError("attribute pooled_shape is missing")
	}
	m := &maxRoiPool{images: x[0], channels: x[1], height: x[2], width: x[3], rows: size[0], cols: size[1],
		scale: float64(c.Float("spatial_scale", 1))}
	return m, []op.Spec{{Type: c.In[0].Type, Shape: []int{rois[0], x[1], size[0], size[1]}}}, nil
}

// Forward computes the maxima.
func (m *maxRoiPool) Forward(_ *op.Context, in, out []*op.Tensor) error {
	boxes, o := in[1].F, 0
	m.chosen = make([]int, len(out[0].F))
	for at := 0; at < len(boxes); at += 5 {
		image := int(boxes[at])
		if image < 0 || image >= m.images {
			return fmt.Errorf("a box of image %d of %d", image, m.images)
		}
		left, right := m.corners(boxes[at+1], boxes[at+3])
		top, bottom := m.corners(boxes[at+2], boxes[at+4])
		for c := range m.channels {
			plane := (image*m.channels + c) * m.height * m.width
			for i := range m.rows {
				y0, y1 := bin(top, bottom, i, m.rows, m.height)
				for j := range m.cols {
					x0, x1 := bin(left, right, j, m.cols, m.width)
					m.chosen[o] = m.greatest(in[0].F, plane, y0, y1, x0, x1)
					out[0].F[o] = 0
					if m.chosen[o] >= 0 {
						out[0].F[o] = in[0].F[m.chosen[o]]
					}
					o++
				}
			}
		}
	}
	return nil
}

// corners returns the first and last pixel of a box along one axis.
func (m *maxRoiPool) corners(low, high float32) (first, last float64) {
	return math.Round(float64(low) * m.scale), math.Round(float64(high) * m.scale)
}

// bin returns the pixels of bin i of n of a box, cut at the image's border.
func bin(first, last float64, i, n, size int) (lo, hi int) {
	length := math.Max(last-first+1, 1) / float64(n)
	limit := func(v float64) int { return int(math.Min(math.Max(v, 0), float64(size))) }
	return limit(math.Floor(float64(i)*length) + first), limit(math.Ceil(float64(i+1)*length) + first)
}

// greatest returns the place of the greatest element of a rectangle of a plane, -1 if it is empty.
func (m *maxRoiPool) greatest(x []float32, plane, y0, y1, x0, x1 int) int {
	best := -1
	for y := y0; y < y1; y++ {
		for at := plane + y*m.width + x0; at < plane+y*m.width+x1; at++ {
			if best < 0 || x[at] > x[best] {
				best = at
			}
		}
	}
	return best
}

// Backward sends dy to the greatest elements; for boxes it is zero.
func (m *maxRoiPool) Backward(_ *op.Context, i, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	clear(dx.F)
	if i != 0 {
		return nil
	}
	for o, at := range m.chosen {
		if at >= 0 {
			dx.F[at] += dy.F[o]
		}
	}
	return nil
}
