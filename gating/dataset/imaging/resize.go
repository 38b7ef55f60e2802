package imaging

import "math"

// plane is one channel of an image, row after row.
type plane struct {
	width, height int
	pix           []uint8
}

// span is a run of pixels along one axis of a resized image: it has size pixels, of which those from to to-1 are
// wanted.
type span struct{ size, from, to int }

func (s span) len() int { return s.to - s.from }

// resize returns the wanted part of a plane that is resized, across first and then down.
func (p plane) resize(how Interpolation, across, down span) plane {
	if how == Nearest {
		return p.pick(nearest(p.width, across), nearest(p.height, down))
	}
	f := filters[how]
	if down.size == p.height {
		return p.rows(down.from, down.to).across(f, across)
	}
	list := f.taps(p.height, down.size, down.from, down.to)
	first, last := p.height, 0
	for _, t := range list {
		first, last = min(first, t.from), max(last, t.from+len(t.weights))
	}
	for i := range list {
		list[i].from -= first
	}
	return p.rows(first, last).across(f, across).down(list)
}

// rows returns rows of a plane, which shares memory with it.
func (p plane) rows(from, to int) plane {
	return plane{p.width, to - from, p.pix[from*p.width : to*p.width]}
}

// across scales every row; a span of the plane's own width is cut out.
func (p plane) across(f filter, s span) plane {
	out := plane{s.len(), p.height, make([]uint8, s.len()*p.height)}
	if s.size == p.width {
		for y := range p.height {
			copy(out.pix[y*out.width:(y+1)*out.width], p.pix[y*p.width+s.from:y*p.width+s.to])
		}
		return out
	}
	list := f.taps(p.width, s.size, s.from, s.to)
	for y := range p.height {
		row, to := p.pix[y*p.width:(y+1)*p.width], out.pix[y*out.width:(y+1)*out.width]
		for x, t := range list {
			sum := int32(1) << (precision - 1)
			for i, v := range row[t.from : t.from+len(t.weights)] {
				sum += t.weights[i] * int32(v)
			}
			to[x] = clip(sum)
		}
	}
	return out
}

// down scales every column.
func (p plane) down(list []taps) plane {
	out := plane{p.width, len(list), make([]uint8, p.width*len(list))}
	sums := make([]int32, p.width)
	for y, t := range list {
		for x := range sums {
			sums[x] = 1 << (precision - 1)
		}
		for i, w := range t.weights {
			for x, v := range p.pix[(t.from+i)*p.width : (t.from+i+1)*p.width] {
				sums[x] += w * int32(v)
			}
		}
		for x, sum := range sums {
			out.pix[y*out.width+x] = clip(sum)
		}
	}
	return out
}

// clip rounds a sum in fixed point to a byte.
func clip(sum int32) uint8 { return uint8(max(0, min(255, sum>>precision))) }

// nearest returns the source pixel of each wanted pixel. Places are added up step by step, as Pillow does, which
// rounds.
func nearest(source int, s span) []int {
	step := float64(source) / float64(s.size)
	out := make([]int, 0, s.len())
	for at, x := step*0.5, 0; x < s.to; at, x = at+step, x+1 {
		if x >= s.from {
			out = append(out, min(source-1, int(math.Max(0, at))))
		}
	}
	return out
}

// pick takes the pixels at the given places.
func (p plane) pick(xs, ys []int) plane {
	out := plane{len(xs), len(ys), make([]uint8, 0, len(xs)*len(ys))}
	for _, y := range ys {
		for _, x := range xs {
			out.pix = append(out.pix, p.pix[y*p.width+x])
		}
	}
	return out
}
