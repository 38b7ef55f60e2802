package spatial

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Backward computes the gradient of X, W, offset, B or mask.
func (v *deformConv) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	clear(dx.F)
	area, rows, maps := v.area(), v.channels/v.group*v.size(), v.maps/v.group
	for n := range v.batch {
		switch i {
		case deformB:
			v.addUp(dy.F[n*v.maps*area:], dx.F)
			continue
		case deformW:
			v.fill(x, in, n)
		default:
			v.locate(in[deformOffset].F, n)
			v.slopes = op.Resize(v.slopes, v.channels*v.size()*area)
		}
		for g := range v.group {
			dy := dy.F[(n*v.maps+g*maps)*area:]
			if i == deformW {
				kernel.Gemm(x.Workers, kernel.NewMatrix(dx.F[g*maps*rows:], maps, rows, rows),
					kernel.NewMatrix(dy, maps, area, area),
					kernel.NewMatrix(v.columns[g*rows*area:], rows, area, area).T(), 1, 1)
			} else {
				kernel.Gemm(x.Workers, kernel.NewMatrix(v.slopes[g*rows*area:], rows, area, area),
					kernel.NewMatrix(in[deformW].F[g*maps*rows:], maps, rows, rows).T(),
					kernel.NewMatrix(dy, maps, area, area), 1, 0)
			}
		}
		switch i {
		case deformX:
			v.spread(x, v.masks(in, n), v.image(dx.F, n))
		case deformOffset, deformMask:
			v.moveBack(x, i, in, n, dx.F)
		}
	}
	return nil
}

// addUp adds every map's sum to the bias's gradient.
func (v *deformConv) addUp(dy, db []float32) {
	area := v.area()
	for m := range db {
		var sum float64
		for _, d := range dy[m*area : (m+1)*area] {
			sum += float64(d)
		}
		db[m] += float32(sum)
	}
}

// spread adds the columns' slopes to the pixels they were sampled from.
func (v *deformConv) spread(x *op.Context, mask, dx []float32) {
	area := v.area()
	v.eachRow(x, dx, func(row, field int, plane []float32) {
		for p := range area {
			point, d := &v.points[field*area+p], v.slopes[row*area+p]
			if mask != nil {
				d *= mask[field*area+p]
			}
			for k, w := range point.weight {
				plane[point.pixel[k]] += w * d
			}
		}
	})
}

// moveBack sums the slopes of the channels that share a field, by the place of their samples (offset) or by their
// share (mask), into sample n of dx.
func (v *deformConv) moveBack(x *op.Context, i int, in []*op.Tensor, n int, dx []float32) {
	area, size, each := v.area(), v.size(), v.channels/v.fields
	image, mask := v.image(in[deformX].F, n), v.masks(in, n)
	plane := v.in[0] * v.in[1]
	x.Workers.For(v.fields*size, 1, func(lo, hi int) {
		for fk := lo; fk < hi; fk++ {
			for p := range area {
				point := &v.points[fk*area+p]
				var along, alongY, alongX float32
				for c := fk / size * each; c < (fk/size+1)*each; c++ {
					d, from := v.slopes[(c*size+fk%size)*area+p], image[c*plane:(c+1)*plane]
					along += d * point.at(from, &point.weight)
					alongY += d * point.at(from, &point.alongY)
					alongX += d * point.at(from, &point.alongX)
				}
				if i == deformMask {
					dx[(n*v.fields*size+fk)*area+p] = along
					continue
				}
				share := float32(1)
				if mask != nil {
					share = mask[fk*area+p]
				}
				to := 2 * (n*v.fields*size + fk) * area
				dx[to+p], dx[to+area+p] = share*alongY, share*alongX
			}
		}
	})
}
