package kernel

// padded is the part of a source that a box of outputs reads, copied with its zero padding so that inner loops need no
// bounds. Steps are undone: elements a step apart on an axis lie side by side, in one plane for each offset modulo
// the step. So output o reads place o-lo plus a constant for each tap, whatever the stride and dilation.
type padded struct {
	axes     *[3]axis
	low      [3]int    // source index of relative index 0
	size     [3]int    // relative indices in use
	pos      [3]int    // places on each axis of a plane
	plane    int       // floats a channel
	whole    bool      // the source itself serves: nothing is padded, no step on the last axis
	inner    [3]int    // floats from one place to the next on each axis
	segments []segment // what to copy
}

// newPadded describes what box reads.
func newPadded(axes *[3]axis, b box) *padded {
	s := &padded{axes: axes, plane: 1}
	for d := range axes {
		a := &axes[d]
		lo, hi := a.span()
		s.low[d] = b[d].lo*a.step + lo
		s.size[d] = (b[d].hi-1-b[d].lo)*a.step + hi - lo + 1
		s.pos[d] = (s.size[d] + a.step - 1) / a.step
		s.plane *= s.pos[d] * a.step
	}
	s.inner = [3]int{s.pos[1] * s.pos[2], s.pos[2], 1}
	s.findSegments()
	return s
}

// newView is newPadded where the source itself can serve: no copy is needed.
func newView(axes *[3]axis, b box) *padded {
	s := newPadded(axes, b)
	x, y, z := &axes[0], &axes[1], &axes[2]
	if x.inside() && y.inside() && z.inside() && z.step == 1 {
		s.whole, s.plane = true, x.in*y.in*z.in
		s.inner = [3]int{y.in * z.in * x.step, z.in * y.step, 1}
	}
	return s
}

// tap returns where in a channel's plane the element of the first output of the box lies for these shifts.
func (s *padded) tap(shift [3]int, b *box) int {
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

// findSegments lists all that a channel's plane takes from the source, leaving out offsets modulo the step that no
// tap reads.
func (s *padded) findSegments() {
	x, y, z := &s.axes[0], &s.axes[1], &s.axes[2]
	s.segments = make([]segment, 0, s.size[0]*s.size[1]*z.step)
	for i := max(0, -s.low[0]); i < min(s.size[0], x.in-s.low[0]); i++ {
		for j := max(0, -s.low[1]); j < min(s.size[1], y.in-s.low[1]); j++ {
			phase, place := i%x.step*y.step+j%y.step, i/x.step*s.pos[1]+j/y.step
			if !x.reads(i%x.step) || !y.reads(j%y.step) {
				continue
			}
			source := ((s.low[0]+i)*y.in + s.low[1] + j) * z.in
			for f := range z.step {
				first, last := places(s.low[2]+f, z.step, z.in, s.pos[2])
				if first < last && z.reads(f) {
					to := ((phase*z.step+f)*s.pos[0]*s.pos[1]+place)*s.pos[2] + first
					s.segments = append(s.segments, segment{to, source + s.low[2] + f + first*z.step, last - first})
				}
			}
		}
	}
}

// reads says whether any tap reads relative indices that are phase modulo the step.
func (a *axis) reads(phase int) bool {
	lo, _ := a.span()
	for _, s := range a.shift {
		if (s-lo)%a.step == phase {
			return true
		}
	}
	return false
}

// places returns the range of i, below count, for which from+i·step lies in 0..in.
func places(from, step, in, count int) (first, last int) {
	if from < 0 {
		first = (-from + step - 1) / step
	}
	return first, min(count, (in-from+step-1)/step)
}

// fill copies one channel from src to dst, whose padding must be zero already.
func (s *padded) fill(dst, src []float32) {
	if len(s.segments) == 0 {
		return
	}
	switch step := s.axes[2].step; step {
	case 1:
		simd.copySegments(dst, src, s.segments)
	case 2:
		simd.gatherStride2(dst, src, s.segments)
	default:
		for _, l := range s.segments {
			row, from := dst[l.to:l.to+l.n], src[l.from:]
			for i := range row {
				row[i] = from[i*step]
			}
		}
	}
}
