package kernel

// AveragePool writes the mean of every window to y. A window without any element gives 0.
func (g *Window) AveragePool(w *Workers, y, x []float32) {
	g.check(x, y)
	shares, out, in := g.shares(), volume(g.Out), volume(g.In)
	axes := g.axes()
	w.For(g.Planes, 1+streamGrain/(in+1), func(lo, hi int) {
		y := y[lo*out : hi*out]
		ones(axes, hi-lo, x[lo*in:], y)
		for len(y) > 0 {
			for i, s := range shares {
				y[i] *= s
			}
			y = y[out:]
		}
	})
}

// AveragePoolBackward spreads every element of dy evenly over its window; dx is overwritten.
func (g *Window) AveragePoolBackward(w *Workers, dx, dy []float32) {
	g.check(dx, dy)
	shares, out, in := g.shares(), volume(g.Out), volume(g.In)
	conv := Conv{In: g.In, Kernel: g.Kernel, Stride: g.Stride, Dilation: g.Dilation, PadBegin: g.PadBegin, Out: g.Out}
	w.For(g.Planes, 1+streamGrain/(in+1), func(lo, hi int) {
		s := getScratch()
		defer s.release()
		scaled := resize(&s.transposed, (hi-lo)*out)
		for i := range scaled {
			scaled[i] = dy[lo*out+i] * shares[i%out]
		}
		conv.eachPhase(func(axes [3]axis) { ones(axes, hi-lo, scaled, dx[lo*in:]) })
	})
}

// ones convolves planes with weights of one.
func ones(axes [3]axis, planes int, src, dst []float32) {
	taps := axes[0].taps() * axes[1].taps() * axes[2].taps()
	weights := operand{data: []float32{1}, rows: make([]int, taps), cols: []int{0}}
	correlate(nil, correlation{batch: planes, groups: 1, channels: 1, rows: 1, axes: axes, src: src, dst: dst,
		left: func(int) operand { return weights }})
}

// shares returns one over the number of elements that each window of a plane counts.
func (g *Window) shares() []float32 {
	shares := []float32{1}
	for i := range g.In {
		var next []float32
		for _, s := range shares {
			for o := range g.Out[i] {
				next = append(next, s*float32(max(g.counted(i, o), 1)))
			}
		}
		shares = next
	}
	for i, n := range shares {
		shares[i] = 1 / n
	}
	return shares
}

// counted is how many places of window o on axis i count.
func (g *Window) counted(i, o int) int {
	first, end := 0, g.In[i]
	if g.CountIncludePad {
		first, end = -g.PadBegin[i], g.In[i]+g.PadEnd[i]
	}
	n := 0
	for t := range g.Kernel[i] {
		if at := o*g.Stride[i] - g.PadBegin[i] + t*g.Dilation[i]; at >= first && at < end {
			n++
		}
	}
	return n
}
