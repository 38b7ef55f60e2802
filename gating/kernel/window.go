package kernel

import "math"

// Window is the geometry of a pooling operator over one to three spatial axes. Planes is batch times channels: x is
// Planes×In, y is Planes×Out. Out is given, so that rounding up or down is the caller's choice; windows may reach past the padding.
type Window struct {
	Planes                                              int
	In, Out, Kernel, Stride, Dilation, PadBegin, PadEnd []int
	// CountIncludePad makes AveragePool divide by the padded part of the window too (but not by what lies past the padding).
	CountIncludePad bool
}

// MaxPool writes the greatest element of every window to y and its flat index inside the plane to arg (as long as y).
// The first of equal elements wins, a NaN wins over all. A window without any element gives -Inf and index -1.
func (g *Window) MaxPool(w *Workers, x, y []float32, arg []int32) {
	out, in := volume(g.Out), volume(g.In)
	w.For(g.Planes, 1, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			plane := x[p*in : (p+1)*in]
			for o := range out {
				best, at := float32(math.Inf(-1)), int32(-1)
				g.visit(o, func(i int) {
					if v := plane[i]; at < 0 || v > best || v != v && best == best {
						best, at = v, int32(i)
					}
				})
				y[p*out+o], arg[p*out+o] = best, at
			}
		}
	})
}

// MaxPoolBackward adds every element of dy to the element of dx that MaxPool chose; dx is overwritten.
func (g *Window) MaxPoolBackward(w *Workers, dy []float32, arg []int32, dx []float32) {
	out, in := volume(g.Out), volume(g.In)
	w.For(g.Planes, 1, func(lo, hi int) {
		clear(dx[lo*in : hi*in])
		for p := lo; p < hi; p++ {
			for o := range out {
				if at := arg[p*out+o]; at >= 0 {
					dx[p*in+int(at)] += dy[p*out+o]
				}
			}
		}
	})
}

// AveragePool writes the mean of every window to y.
func (g *Window) AveragePool(w *Workers, x, y []float32) {
	out, in := volume(g.Out), volume(g.In)
	w.For(g.Planes, 1, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			for o := range out {
				var sum float32
				count := g.visit(o, func(i int) { sum += x[p*in+i] })
				y[p*out+o] = sum / float32(count)
			}
		}
	})
}

// AveragePoolBackward spreads every element of dy evenly over its window; dx is overwritten.
func (g *Window) AveragePoolBackward(w *Workers, dy, dx []float32) {
	out, in := volume(g.Out), volume(g.In)
	w.For(g.Planes, 1, func(lo, hi int) {
		clear(dx[lo*in : hi*in])
		for p := lo; p < hi; p++ {
			for o := range out {
				count := g.visit(o, func(int) {})
				share := dy[p*out+o] / float32(count)
				g.visit(o, func(i int) { dx[p*in+i] += share })
			}
		}
	})
}

// visit calls fn for every element of window o and returns the average's divisor.
func (g *Window) visit(o int, fn func(i int)) int {
	axes := len(g.Out)
	count := 1
	at := make([]int, axes)
	rest := o
	for a := axes - 1; a >= 0; a-- {
		at[a] = rest%g.Out[a]*g.Stride[a] - g.PadBegin[a]
		rest /= g.Out[a]
		n := 0
		for t := range g.Kernel[a] {
			i := at[a] + t*g.Dilation[a]
			if i >= 0 && i < g.In[a] || g.CountIncludePad && i < g.In[a]+g.PadEnd[a] {
				n++
			}
		}
		count *= n
	}
	for t := range volume(g.Kernel) {
		i, scale, tt, ok := 0, 1, t, true
		for a := axes - 1; a >= 0; a-- {
			x := at[a] + tt%g.Kernel[a]*g.Dilation[a]
			tt /= g.Kernel[a]
			ok = ok && x >= 0 && x < g.In[a]
			i += x * scale
			scale *= g.In[a]
		}
		if ok {
			fn(i)
		}
	}
	return count
}

// GlobalAveragePool writes the mean of each of planes runs of size elements of x to y.
func GlobalAveragePool(w *Workers, planes, size int, x, y []float32) {
	w.For(planes, 16, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			var sum float64
			for _, v := range x[p*size : (p+1)*size] {
				sum += float64(v)
			}
			y[p] = float32(sum / float64(size))
		}
	})
}

// GlobalAveragePoolBackward writes dy[p]/size to every element of plane p of dx.
func GlobalAveragePoolBackward(w *Workers, planes, size int, dy, dx []float32) {
	w.For(planes, 16, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			share := dy[p] / float32(size)
			plane := dx[p*size : (p+1)*size]
			for i := range plane {
				plane[i] = share
			}
		}
	})
}
