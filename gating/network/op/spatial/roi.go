package spatial

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// roiOps pool boxes of an image to a fixed size.
var roiOps = op.Family{
	op.WithGradient("RoiAlign", 10, buildRoiAlign),
	op.WithGradient("MaxRoiPool", 1, buildMaxRoiPool),
}

// maxRoiSamples bounds the samples of one box, whose number follows from its size.
const maxRoiSamples = 1 << 20

// roiAlign is RoiAlign: every bin of a box is the mean, or the greatest, of
// samples read between pixels. Boxes pass no gradient, as in PyTorch.
type roiAlign struct {
	height, width  int // of the image
	rows, cols     int // of the output
	channels, size int // channels and images
	scale, offset  float64
	ratio          int
	greatest       bool
	terms          []roiTerm // of the box at hand
	first          []int     // where the terms of each bin begin
	chosen         []int32   // the greatest term of each output
}

// roiTerm is one pixel's share in a bin.
type roiTerm struct {
	pixel  int
	weight float64
}

// buildRoiAlign follows RoiAlign of opset 10, whose boxes are not shifted by half a pixel, and 16.
func buildRoiAlign(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	if err := checkRois(c); err != nil {
		return nil, nil, err
	}
	x, rois := c.In[0], c.In[1]
	r := &roiAlign{size: x.Shape[0], channels: x.Shape[1], height: x.Shape[2], width: x.Shape[3],
		scale: float64(c.Float("spatial_scale", 1))}
	if err := r.readOutput(c); err != nil {
		return nil, nil, err
	}
	if c.Opset >= 16 && c.Text("coordinate_transformation_mode", "half_pixel") == "half_pixel" {
		r.offset = 0.5
	}
	switch mode := c.Text("mode", "avg"); mode {
	case "avg":
	case "max":
		r.greatest = true
	default:
		return nil, nil, c.ShapeError("mode is %q, want avg or max", mode)
	}
	return r, []op.Spec{{Type: x.Type, Shape: []int{rois.Shape[0], r.channels, r.rows, r.cols}}}, nil
}

// checkRois checks the kinds of the inputs.
func checkRois(c *op.Call) error {
	x, rois, images := c.In[0], c.In[1], c.In[2]
	fits := x.IsFloat() && len(x.Shape) == 4 && rois.IsFloat() && len(rois.Shape) == 2 && rois.Shape[1] == 4
	if !fits || images.IsFloat() || images.Len() != rois.Shape[0] {
		return c.ShapeError("inputs are %s, %s and %s, want an image batch, boxes of 4 numbers and their images",
			x.Spec, rois.Spec, images.Spec)
	}
	return nil
}

// readOutput reads the size of the output and how many samples a bin takes.
func (r *roiAlign) readOutput(c *op.Call) error {
	rows, cols, ratio := c.Int("output_height", 1), c.Int("output_width", 1), c.Int("sampling_ratio", 0)
	if rows < 1 || cols < 1 || rows > op.MaxExtent || cols > op.MaxExtent || ratio < 0 || ratio > op.MaxExtent {
		return c.ShapeError("the output is %d by %d with sampling ratio %d", rows, cols, ratio)
	}
	r.rows, r.cols, r.ratio = int(rows), int(cols), int(ratio)
	return nil
}

// sampleBox finds the pixels and weights of every bin of a box.
func (r *roiAlign) sampleBox(box []float32) error {
	left, top := float64(box[0])*r.scale-r.offset, float64(box[1])*r.scale-r.offset
	width, height := float64(box[2])*r.scale-r.offset-left, float64(box[3])*r.scale-r.offset-top
	if r.offset == 0 {
		width, height = math.Max(width, 1), math.Max(height, 1)
	}
	stepY, stepX := height/float64(r.rows), width/float64(r.cols)
	ny, nx := r.samples(stepY), r.samples(stepX)
	if !(ny*nx*float64(r.rows)*float64(r.cols) <= maxRoiSamples) {
		return fmt.Errorf("box %v takes more than %d samples", box, maxRoiSamples)
	}
	share := 1 / math.Max(ny*nx, 1)
	if r.greatest {
		share = 1
	}
	r.terms, r.first = r.terms[:0], r.first[:0]
	for i := range r.rows {
		for j := range r.cols {
			r.first = append(r.first, len(r.terms))
			for sy := range int(ny) {
				y := top + (float64(i)+(float64(sy)+0.5)/ny)*stepY
				for sx := range int(nx) {
					r.between(y, left+(float64(j)+(float64(sx)+0.5)/nx)*stepX, share)
				}
			}
		}
	}
	r.first = append(r.first, len(r.terms))
	return nil
}

// samples is how many samples a bin of the given length takes.
func (r *roiAlign) samples(length float64) float64 {
	if r.ratio > 0 {
		return float64(r.ratio)
	}
	return math.Max(0, math.Ceil(length))
}

// between adds the four pixels around a place, weighted by how near they are. A
// place more than a pixel outside the image counts nothing.
func (r *roiAlign) between(y, x, share float64) {
	if !(y >= -1 && y <= float64(r.height) && x >= -1 && x <= float64(r.width)) {
		return
	}
	y0, y1, fy := neighbours(y, r.height)
	x0, x1, fx := neighbours(x, r.width)
	r.terms = append(r.terms,
		roiTerm{y0*r.width + x0, (1 - fy) * (1 - fx) * share}, roiTerm{y0*r.width + x1, (1 - fy) * fx * share},
		roiTerm{y1*r.width + x0, fy * (1 - fx) * share}, roiTerm{y1*r.width + x1, fy * fx * share})
}

// neighbours returns the pixels on both sides of a place and how far it is from the first.
func neighbours(at float64, size int) (low, high int, fraction float64) {
	at = math.Max(at, 0)
	low = int(at)
	if low >= size-1 {
		return size - 1, size - 1, 0
	}
	return low, low + 1, at - float64(low)
}

// eachBin calls body for every output element with the start of its image plane and its terms.
func (r *roiAlign) eachBin(in []*op.Tensor, body func(out, plane int, terms []roiTerm)) error {
	bins, pixels := r.rows*r.cols, r.height*r.width
	for box, image := range in[2].I {
		if image < 0 || image >= int64(r.size) {
			return fmt.Errorf("a box of image %d of %d", image, r.size)
		}
		if err := r.sampleBox(in[1].F[4*box : 4*box+4]); err != nil {
			return err
		}
		for c := range r.channels {
			for b := range bins {
				body((box*r.channels+c)*bins+b, (int(image)*r.channels+c)*pixels, r.terms[r.first[b]:r.first[b+1]])
			}
		}
	}
	return nil
}

// Forward computes the bins.
func (r *roiAlign) Forward(_ *op.Context, in, out []*op.Tensor) error {
	x, y := in[0].F, out[0].F
	r.chosen = make([]int32, len(y))
	return r.eachBin(in, func(o, plane int, terms []roiTerm) {
		sum, best := 0.0, math.Inf(-1)
		for k, t := range terms {
			v := t.weight * float64(x[plane+t.pixel])
			sum += v
			if v > best {
				best, r.chosen[o] = v, int32(k)
			}
		}
		if r.greatest && len(terms) > 0 {
			sum = best
		}
		y[o] = float32(sum)
	})
}

// Backward spreads dy over the pixels; for boxes it is zero.
func (r *roiAlign) Backward(_ *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	clear(dx.F)
	if i != 0 {
		return nil
	}
	return r.eachBin(in, func(o, plane int, terms []roiTerm) {
		if r.greatest && len(terms) > 0 {
			terms = terms[r.chosen[o]:][:1]
		}
		for _, t := range terms {
			dx.F[plane+t.pixel] += float32(t.weight) * dy.F[o]
		}
	})
}
