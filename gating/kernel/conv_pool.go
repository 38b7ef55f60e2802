package kernel

// Window is the geometry of a pooling operator over one to three spatial axes. Planes is batch times channels: x is
// Planes×In, y is Planes×Out. Out is given, so that rounding up or down is the caller's choice; windows may reach
// past the padding.
type Window struct {
	Planes                                              int
	In, Out, Kernel, Stride, Dilation, PadBegin, PadEnd []int
	// CountIncludePad makes AveragePool divide by the padded part of the window too (but not by what lies past the
	// padding).
	CountIncludePad bool
}

// axes describes y read from x.
func (g *Window) axes() [3]axis {
	axes := [3]axis{point, point, point}
	for i := range g.In {
		axes[3-len(g.In)+i] = forwardAxis(g.In[i], g.Out[i], g.Kernel[i], g.Stride[i], g.Dilation[i], g.PadBegin[i])
	}
	return axes
}

func (g *Window) check(x, y []float32) {
	requireLen("x", len(x), g.Planes*volume(g.In))
	requireLen("y", len(y), g.Planes*volume(g.Out))
}

// GlobalAveragePool writes the mean of each of planes runs of size elements of x to y,
// added up in double precision.
func GlobalAveragePool(w *Workers, y, x []float32, planes, size int) {
	requireLen("x", len(x), planes*size)
	requireLen("y", len(y), planes)
	w.For(planes, 1+streamGrain/(size+1), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			y[p] = float32(sum(x[p*size:(p+1)*size]) / float64(size))
		}
	})
}

// GlobalAveragePoolBackward writes dy[p]/size to every element of plane p of dx.
func GlobalAveragePoolBackward(w *Workers, dx, dy []float32, planes, size int) {
	requireLen("dx", len(dx), planes*size)
	requireLen("dy", len(dy), planes)
	w.For(planes, 1+streamGrain/(size+1), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			share := dy[p] / float32(size)
			plane := dx[p*size : (p+1)*size]
			for i := range plane {
				plane[i] = share
			}
		}
	})
}
