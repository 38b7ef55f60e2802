package kernel

// slab is the part of a source that a box of outputs reads, copied with its zero padding so that inner loops need no
// bounds. Steps are undone: elements a step apart on an axis lie side by side, in one plane for each offset modulo
// the step. So output o reads place o-lo plus a constant for each tap, whatever the stride and dilation.
type slab struct {
	axes  *[3]axis
	low   [3]int // source index of relative index 0
	size  [3]int // relative indices in use
	pos   [3]int // places on each axis of a plane
	plane int    // floats a channel
	whole bool   // the source itself serves: nothing is padded, no step on the last axis
	inner [3]int // floats from one place to the next on each axis
}

// newSlab describes what box reads.
func newSlab(axes *[3]axis, b box) *slab {
	s := &slab{axes: axes, plane: 1}
	for d := range axes {
		a := &axes[d]
		lo, hi := a.span()
		s.low[d] = b[d].lo*a.step + lo
		s.size[d] = (b[d].hi-1-b[d].lo)*a.step + hi - lo + 1
		s.pos[d] = (s.size[d] + a.step - 1) / a.step
		s.plane *= s.pos[d] * a.step
	}
	s.inner = [3]int{s.pos[1] * s.pos[2], s.pos[2], 1}
	return s
}

// newView is newSlab where the source itself can serve: no copy is needed.
func newView(axes *[3]axis, b box) *slab {
	s := newSlab(axes, b)
	x, y, z := &axes[0], &axes[1], &axes[2]
	if x.inside() && y.inside() && z.inside() && z.step == 1 {
		s.whole, s.plane = true, x.in*y.in*z.in
		s.inner = [3]int{y.in * z.in * x.step, z.in * y.step, 1}
	}
	return s
}

// tap returns where in a channel's plane the element of the first output of the box lies for these shifts.
func (s *slab) tap(shift [3]int, b *box) int {
	if s.whole {
		at := 0
		for d, a := range s.axes {
			at = at*a.in + b[d].lo*a.step + shift[d]
		}
		return at
	}
	phase, place := 0, 0
	for d, a := range s.axes {
		rel := b[d].lo*a.step + shift[d] - s.low[d]
		phase, place = phase*a.step+rel%a.step, place*s.pos[d]+rel/a.step
	}
	return phase*s.pos[0]*s.pos[1]*s.pos[2] + place
}

// fill copies one channel from src to dst.
func (s *slab) fill(dst, src []float32) {
	for i := range s.size[0] {
		for j := range s.size[1] {
			d, h := s.low[0]+i, s.low[1]+j
			inside := d >= 0 && d < s.axes[0].in && h >= 0 && h < s.axes[1].in
			phase := i%s.axes[0].step*s.axes[1].step + j%s.axes[1].step
			place := i/s.axes[0].step*s.pos[1] + j/s.axes[1].step
			for f := range s.axes[2].step {
				row := dst[((phase*s.axes[2].step+f)*s.pos[0]*s.pos[1]+place)*s.pos[2]:][:s.pos[2]]
				if !inside {
					clear(row)
					continue
				}
				s.fillRow(row, src[(d*s.axes[1].in+h)*s.axes[2].in:][:s.axes[2].in], s.low[2]+f)
			}
		}
	}
}

// fillRow writes src[from], src[from+step], ... to row, zero where there is none.
func (s *slab) fillRow(row, src []float32, from int) {
	step := s.axes[2].step
	first := 0
	if from < 0 {
		first = min((-from+step-1)/step, len(row))
	}
	last := first
	if left := len(src) - (from + first*step); left > 0 {
		last = min(first+(left+step-1)/step, len(row))
	}
	clear(row[:first])
	clear(row[last:])
	if last == first {
		return
	}
	src = src[from+first*step:]
	if step == 1 {
		copy(row[first:last], src)
		return
	}
	for i := range row[first:last] {
		row[first+i] = src[i*step]
	}
}
