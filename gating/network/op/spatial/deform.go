package spatial

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// deformOps are convolutions whose samples are moved by an input (arXiv 1703.06211, 1811.11168).
var deformOps = op.Family{
	op.WithGradient("DeformConv", 19, buildDeformConv),
}

// deformConv is DeformConv over images: inputs X [N,C,H,W], W [M,C/group,h,w], offset
// [N,2*offset_group*h*w,oH,oW] with the row's shift before the column's, B [M] and mask [N,offset_group*h*w,oH,oW].
// A sample outside the image counts its pixels there as 0.
type deformConv struct {
	*window
	batch, channels, maps, group, fields int // fields is offset_group
	points                               []deformPoint
	columns, slopes                      []float32 // what the weights are multiplied with, of one sample
}

// deformPoint is where one sample is taken: its four pixels with their weights, and the weights' slopes
// along both axes. Pixels outside the image have weight and slope 0.
type deformPoint struct {
	pixel                  [4]int
	weight, alongY, alongX [4]float32
}

// The inputs of DeformConv.
const (
	deformX = iota
	deformW
	deformOffset
	deformB
	deformMask
)

// buildDeformConv follows DeformConv of opsets 19 and 22.
func buildDeformConv(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(3); err != nil {
		return nil, nil, err
	}
	x, weight := c.In[deformX].Shape, c.In[deformW].Shape
	if len(x) != 4 || len(weight) != 4 {
		return nil, nil, c.Unsupported("inputs have shapes %v and %v: only images N×C×H×W are supported", x, weight)
	}
	group, err := groups(c, x[1], weight[0])
	if err != nil {
		return nil, nil, err
	}
	if weight[1]*group != x[1] {
		return nil, nil,
			c.ShapeError("weights have shape %v: %d input channels in each of %d groups, input 0 has %v", weight,
				weight[1], group, x)
	}
	if err := checkKernel(c, weight[2:]); err != nil {
		return nil, nil, err
	}
	w, err := newWindow(c, weight[2:], false, 0)
	if err != nil {
		return nil, nil, err
	}
	v := &deformConv{window: w, batch: x[0], channels: x[1], maps: weight[0], group: group}
	if err := checkFields(c, v); err != nil {
		return nil, nil, err
	}
	return v, []op.Spec{{Type: c.In[0].Type, Shape: w.over(x[0], weight[0])}}, nil
}

// checkFields reads offset_group and holds offset, bias and mask against it.
func checkFields(c *op.Call, v *deformConv) error {
	fields := c.Int("offset_group", 1)
	if fields < 1 || fields > int64(max(1, v.channels)) || v.channels%int(fields) != 0 {
		return c.ShapeError("offset_group is %d, want a number that divides %d input channels", fields, v.channels)
	}
	v.fields = int(fields)
	if err := c.CheckBias(deformB, v.maps); err != nil {
		return err
	}
	for i, each := range map[int]int{deformOffset: 2, deformMask: 1} {
		want := append([]int{v.batch, each * v.fields * v.size()}, v.out...)
		if c.Has(i) && !slices.Equal(c.In[i].Shape, want) {
			return c.ShapeError("input %d has shape %v, want %v", i, c.In[i].Shape, want)
		}
	}
	return nil
}

// size is the number of elements of the kernel, and area the number of places of the output.
func (v *deformConv) size() int { return v.kernel[0] * v.kernel[1] }
func (v *deformConv) area() int { return v.out[0] * v.out[1] }

// locate finds the points of sample n: one for every field, kernel element and place of the output.
func (v *deformConv) locate(offset []float32, n int) {
	size, area := v.size(), v.area()
	offset = offset[n*2*v.fields*size*area:]
	v.points = v.points[:0]
	for fk := range v.fields * size {
		k := fk % size
		for p := range area {
			y := float32(p/v.out[1]*v.stride[0] - v.padBegin[0] + k/v.kernel[1]*v.dilation[0])
			x := float32(p%v.out[1]*v.stride[1] - v.padBegin[1] + k%v.kernel[1]*v.dilation[1])
			v.points = append(v.points, v.pointAt(y+offset[2*fk*area+p], x+offset[(2*fk+1)*area+p]))
		}
	}
}

// pointAt is the point at row y and column x.
func (v *deformConv) pointAt(y, x float32) (p deformPoint) {
	height, width := v.in[0], v.in[1]
	if !(y > -1 && y < float32(height) && x > -1 && x < float32(width)) {
		return p
	}
	top, left := int(math.Floor(float64(y))), int(math.Floor(float64(x)))
	fy, fx := y-float32(top), x-float32(left)
	for i := range 4 {
		row, col := top+i/2, left+i%2
		if row < 0 || row >= height || col < 0 || col >= width {
			continue
		}
		wy, sy, wx, sx := 1-fy, float32(-1), 1-fx, float32(-1)
		if i/2 == 1 {
			wy, sy = fy, 1
		}
		if i%2 == 1 {
			wx, sx = fx, 1
		}
		p.pixel[i], p.weight[i], p.alongY[i], p.alongX[i] = row*width+col, wy*wx, sy*wx, wy*sx
	}
	return p
}

// at reads a plane at the point with one of its sets of weights.
func (p *deformPoint) at(plane []float32, weights *[4]float32) float32 {
	return weights[0]*plane[p.pixel[0]] + weights[1]*plane[p.pixel[1]] + weights[2]*plane[p.pixel[2]] +
		weights[3]*plane[p.pixel[3]]
}

// eachRow calls do for every row of the columns: channel and kernel element, with the number of the row's points, and
// the plane it samples. Rows of one channel are done by one worker.
func (v *deformConv) eachRow(x *op.Context, image []float32, do func(row, field int, plane []float32)) {
	plane, size := v.in[0]*v.in[1], v.size()
	x.Workers.For(v.channels, 1, func(lo, hi int) {
		for c := lo; c < hi; c++ {
			for k := range size {
				do(c*size+k, c/(v.channels/v.fields)*size+k, image[c*plane:(c+1)*plane])
			}
		}
	})
}

// fill samples one image into the columns.
func (v *deformConv) fill(x *op.Context, in []*op.Tensor, n int) {
	v.locate(in[deformOffset].F, n)
	area := v.area()
	v.columns = op.Resize(v.columns, v.channels*v.size()*area)
	mask := v.masks(in, n)
	v.eachRow(x, v.image(in[deformX].F, n), func(row, field int, plane []float32) {
		for p := range area {
			point := &v.points[field*area+p]
			s := point.at(plane, &point.weight)
			if mask != nil {
				s *= mask[field*area+p]
			}
			v.columns[row*area+p] = s
		}
	})
}

// image is sample n of X or its gradient.
func (v *deformConv) image(x []float32, n int) []float32 {
	size := v.channels * v.in[0] * v.in[1]
	return x[n*size : (n+1)*size]
}

// masks are the mask's elements of sample n, nil where there is none.
func (v *deformConv) masks(in []*op.Tensor, n int) []float32 {
	mask := op.Optional(in, deformMask)
	if mask == nil {
		return nil
	}
	size := v.fields * v.size() * v.area()
	return mask[n*size : (n+1)*size]
}

// Forward computes Y: a matrix product of the weights with the columns, for every image and group.
func (v *deformConv) Forward(x *op.Context, in, out []*op.Tensor) error {
	area, rows, maps := v.area(), v.channels/v.group*v.size(), v.maps/v.group
	for n := range v.batch {
		v.fill(x, in, n)
		for g := range v.group {
			y := out[0].F[(n*v.maps+g*maps)*area:]
			kernel.Gemm(x.Workers, kernel.NewMatrix(y, maps, area, area),
				kernel.NewMatrix(in[deformW].F[g*maps*rows:], maps, rows, rows),
				kernel.NewMatrix(v.columns[g*rows*area:], rows, area, area), 1, 0)
		}
		for m, b := range op.Optional(in, deformB) {
			y := out[0].F[(n*v.maps+m)*area : (n*v.maps+m+1)*area]
			for i := range y {
				y[i] += b
			}
		}
	}
	return nil
}
