package kernel

import "math/rand/v2"

// The definitions of convolution and pooling, and shapes drawn for them.

// eachProduct visits every product that a convolution sums, by flat indices: the definition, without any cleverness.
func (c *Conv) eachProduct(visit func(xi, wi, yi int)) {
	out, ic, oc := c.OutDims(), c.InChannels/c.Groups, c.OutChannels/c.Groups
	ks, is, os := volume(c.Kernel), volume(c.In), volume(out)
	for i := range c.Batch * c.OutChannels * ic * os * ks {
		t, p, ch, o, b := i%ks, i/ks%os, i/ks/os%ic, i/ks/os/ic%c.OutChannels, i/ks/os/ic/c.OutChannels
		xi, ok, scale, pp, tt := 0, true, 1, p, t
		for a := len(out) - 1; a >= 0; a-- {
			at := pp%out[a]*c.Stride[a] + tt%c.Kernel[a]*c.Dilation[a] - c.PadBegin[a]
			pp, tt = pp/out[a], tt/c.Kernel[a]
			ok = ok && at >= 0 && at < c.In[a]
			xi, scale = xi+at*scale, scale*c.In[a]
		}
		if ok {
			visit((b*c.InChannels+o/oc*ic+ch)*is+xi, (o*ic+ch)*ks+t, (b*c.OutChannels+o)*os+p)
		}
	}
}

// counts are the numbers of elements of x, weights and y.
func (c *Conv) counts() (x, weight, y int) {
	return c.Batch * c.InChannels * volume(c.In), c.OutChannels * (c.InChannels / c.Groups) * volume(c.Kernel),
		c.Batch * c.OutChannels * volume(c.OutDims())
}

// randomConv draws a convolution of one to three axes, sometimes grouped or depthwise, mostly with padding.
func randomConv(r *rand.Rand) *Conv {
	c := &Conv{Batch: 1 + r.IntN(4), Groups: []int{1, 1, 1, 2, 3}[r.IntN(5)]}
	c.InChannels, c.OutChannels = c.Groups*(1+r.IntN(10)), c.Groups*(1+r.IntN(20))
	switch r.IntN(4) {
	case 0: // depthwise
		c.Groups = c.InChannels
		c.OutChannels = c.Groups * (1 + r.IntN(2))
	}
	axes := 1 + r.IntN(3)
	size := []int{40, 18, 7}[axes-1]
	for range axes {
		c.In = append(c.In, 1+r.IntN(size))
		c.Kernel = append(c.Kernel, 1+r.IntN(4))
		c.Stride = append(c.Stride, 1+r.IntN(3)*r.IntN(2))
		c.Dilation = append(c.Dilation, 1+r.IntN(2)*r.IntN(3))
		c.PadBegin = append(c.PadBegin, r.IntN(4)*r.IntN(2))
		c.PadEnd = append(c.PadEnd, r.IntN(4)*r.IntN(2))
	}
	if r.IntN(8) == 0 {
		c.PadBegin[0] = -1
	}
	return c
}

// square is a convolution of two axes of one size, padded so that a stride of 1 keeps the size.
func square(batch, in, out, groups, size, kernel, stride int) *Conv {
	p := kernel / 2
	return &Conv{Batch: batch, InChannels: in, OutChannels: out, Groups: groups, In: []int{size, size},
		Kernel: []int{kernel, kernel},
		Stride: []int{stride, stride}, Dilation: []int{1, 1}, PadBegin: []int{p, p}, PadEnd: []int{p, p}}
}

// each visits the elements of window o by flat index and returns the divisor of its mean: the definition.
func (g *Window) each(o int, visit func(i int)) int {
	axes, count, at, rest := len(g.Out), 1, make([]int, len(g.Out)), o
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
			visit(i)
		}
	}
	return max(count, 1)
}

// randomWindow draws a pooling geometry of one to three axes.
func randomWindow(r *rand.Rand) *Window {
	g := &Window{Planes: r.IntN(40), CountIncludePad: r.IntN(2) == 0}
	axes := 1 + r.IntN(3)
	for range axes {
		in, k, s, d := 1+r.IntN([]int{40, 14, 6}[axes-1]), 1+r.IntN(3), 1+r.IntN(3), 1+r.IntN(2)*r.IntN(2)
		p, q := r.IntN(k), r.IntN(k)
		span := in + p + q - d*(k-1) - 1
		out := 0
		if span >= 0 {
			out = (span + s - 1) / s // rounded up, as ceil_mode does
			if r.IntN(2) == 0 {
				out = span/s + 1
			}
		}
		g.In, g.Kernel, g.Stride, g.Dilation = append(g.In, in), append(g.Kernel, k), append(g.Stride, s),
			append(g.Dilation, d)
		g.PadBegin, g.PadEnd, g.Out = append(g.PadBegin, p), append(g.PadEnd, q), append(g.Out, out)
	}
	return g
}
