package kernel

import "math"

// MaxPool writes the greatest element of every window to y and its flat index inside the plane to arg (as long as y).
// The first of equal elements wins; NaN wins over all others. A window without any element gives -Inf and index -1.
func (g *Window) MaxPool(w *Workers, y []float32, arg []int32, x []float32) {
	g.check(x, y)
	in, out := volume(g.In), volume(g.Out)
	requireLen("indices", len(arg), g.Planes*out)
	if g.Planes*out == 0 {
		return
	}
	axes := g.axes()
	if in*axes[0].taps()*axes[1].taps()*axes[2].taps() == 0 {
		for i := range y[:g.Planes*out] {
			y[i], arg[i] = float32(math.Inf(-1)), -1
		}
		return
	}
	m := newMaxPool(&axes, g.Planes)
	w.For((g.Planes+m.images-1)/m.images, 1, func(lo, hi int) {
		s := getScratch()
		defer s.release()
		src := resize(&s.padded, m.images*m.view.plane+2*block)
		for i := range src {
			src[i] = float32(math.Inf(-1))
		}
		for p := lo * m.images; p < min(hi*m.images, g.Planes); p += m.images {
			m.pool(src, min(m.images, g.Planes-p), x[p*in:], y[p*out:], arg[p*out:], s)
		}
	})
}

// maxPool is a depthwise layout padded with -Inf, and where each tap of each output lies in the plane.
type maxPool struct {
	depthwise
	axes  *[3]axis
	runs  []segment
	first []int32 // flat index that tap 0 of each output has, were the plane endless
	taps  []int32 // how far each tap is from there
	tap   [][3]int
}

func newMaxPool(axes *[3]axis, planes int) *maxPool {
	m := &maxPool{depthwise: newDepthwise(axes, planes, 1), axes: axes}
	m.runs = m.depthwise.runs(axes)
	x, y, z := &axes[0], &axes[1], &axes[2]
	flat := func(i, j, k int) int32 { return int32((i*y.in+j)*z.in + k) }
	eachTap(axes, func(tap, shift [3]int) {
		m.tap = append(m.tap, shift)
		m.taps = append(m.taps, flat(shift[0]-x.shift[0], shift[1]-y.shift[0], shift[2]-z.shift[0]))
	})
	for i := range x.out {
		for j := range y.out {
			for k := range z.out {
				m.first = append(m.first, flat(i*x.step+x.shift[0], j*y.step+y.shift[0], k*z.step+z.shift[0]))
			}
		}
	}
	return m
}

// pool computes some planes.
func (m *maxPool) pool(src []float32, planes int, x, y []float32, arg []int32, s *scratch) {
	in, out, plane := m.axes[0].in*m.axes[1].in*m.axes[2].in, len(m.first), m.view.plane
	for i := range planes {
		m.view.fill(src[i*plane:], x[i*in:])
	}
	n := m.length(planes, 1)
	best, tap := resize(&s.right, n), resize(&s.taps, n)
	simd.maxTaps(n, best, tap, src, m.offsets)
	for i := range planes {
		y, arg := y[i*out:(i+1)*out], arg[i*out:(i+1)*out]
		simd.copySegments(y, best[i*plane:], m.runs)
		for _, l := range m.runs {
			from := tap[i*plane+l.from:][:l.n]
			first := m.first[l.to:][:l.n]
			for k, t := range from {
				arg[l.to+k] = first[k] + m.taps[t]
			}
		}
		m.resolvePadding(y, arg)
	}
}

// resolvePadding gives outputs of -Inf, whose winner may have been padding, the first element of their window.
func (m *maxPool) resolvePadding(y []float32, arg []int32) {
	for o, v := range y {
		if v >= -math.MaxFloat32 || v != v {
			continue
		}
		arg[o] = -1
		at := [3]int{o / (m.axes[1].out * m.axes[2].out), o / m.axes[2].out % m.axes[1].out, o % m.axes[2].out}
		for t := len(m.tap) - 1; t >= 0; t-- {
			inside := true
			for d := range at {
				a := &m.axes[d]
				i := at[d]*a.step + m.tap[t][d]
				inside = inside && i >= 0 && i < a.in
			}
			if inside {
				arg[o] = m.first[o] + m.taps[t]
			}
		}
	}
}

// MaxPoolBackward adds every element of dy to the element of dx that MaxPool chose; dx is overwritten.
func (g *Window) MaxPoolBackward(w *Workers, dx, dy []float32, arg []int32) {
	g.check(dx, dy)
	in, out := volume(g.In), volume(g.Out)
	requireLen("indices", len(arg), g.Planes*out)
	w.For(g.Planes, 1+streamGrain/(in+1), func(lo, hi int) {
		clear(dx[lo*in : hi*in])
		for p := lo; p < hi; p++ {
			plane, arg := dx[p*in:(p+1)*in], arg[p*out:(p+1)*out]
			for o, v := range dy[p*out : (p+1)*out] {
				if at := arg[o]; at >= 0 {
					plane[at] += v
				}
			}
		}
	})
}
