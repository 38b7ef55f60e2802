package kernel

// channelsLast is what a box of outputs reads, padded, with the channels of a pixel side by side.
type channelsLast struct {
	axes  *[3]axis
	low   [3]int
	size  [3]int
	step  [3]int // floats from one output to the next on each axis
	depth int    // channels
	next  int    // floats from one pixel to the next
	image int    // floats an image
}

func newChannelsLast(axes *[3]axis, b box, channels int) *channelsLast {
	p := &channelsLast{axes: axes, depth: channels, next: channels}
	if channels%64 == 0 {
		p.next += 16 // pixels a power of two apart would share few places in the cache
	}
	inner := p.next
	for d := 2; d >= 0; d-- {
		a := &axes[d]
		lo, hi := a.span()
		p.low[d] = b[d].lo*a.step + lo
		p.size[d] = (b[d].hi-1-b[d].lo)*a.step + hi - lo + 1
		p.step[d] = a.step * inner
		inner *= p.size[d]
	}
	p.image = inner
	return p
}

// columns lists where every tap and channel lies, relative to its output.
func (p *channelsLast) columns(b *box, cols []int) []int {
	eachTap(p.axes, func(_, shift [3]int) {
		at := 0
		for d := range p.axes {
			at = at*p.size[d] + b[d].lo*p.axes[d].step + shift[d] - p.low[d]
		}
		for ch := range p.depth {
			cols = append(cols, at*p.next+ch)
		}
	})
	return cols
}

// fillRow writes one row of pixels from the planes in src.
func (p *channelsLast) fillRow(dst, src []float32, row int) {
	x, y, z := &p.axes[0], &p.axes[1], &p.axes[2]
	dst = dst[:p.size[2]*p.next]
	i, j := p.low[0]+row/p.size[1], p.low[1]+row%p.size[1]
	first, last := max(0, -p.low[2]), min(p.size[2], z.in-p.low[2])
	if !x.reads(row/p.size[1]%x.step) || !y.reads(row%p.size[1]%y.step) {
		return
	}
	if i < 0 || i >= x.in || j < 0 || j >= y.in || first >= last {
		clear(dst)
		return
	}
	clear(dst[:first*p.next])
	clear(dst[last*p.next:])
	from, plane := (i*y.in+j)*z.in+p.low[2]+first, x.in*y.in*z.in
	dst = dst[first*p.next : last*p.next]
	for ch := 0; ch < p.depth; ch += 16 {
		var offsets [16]int
		for l := range offsets {
			offsets[l] = min(ch+l, p.depth-1) * plane
		}
		transpose(dst[ch:], p.next, 0, src[from:], &offsets, min(16, p.depth-ch), last-first)
	}
}
