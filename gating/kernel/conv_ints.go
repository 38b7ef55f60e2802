package kernel

// ForwardInts is [Conv.Forward] on integers and without bias, exact as long as the sums fit in 64 bits. It is a plain
// loop: quantised networks are evaluated, not trained, here.
func (c *Conv) ForwardInts(w *Workers, y, x, weight []int64) {
	in, kernel, out := volume(c.In), volume(c.Kernel), volume(c.OutDims())
	perGroup := c.InChannels / c.Groups
	w.For(c.Batch*c.OutChannels, 1, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			b, o := p/c.OutChannels, p%c.OutChannels
			plane := y[p*out : (p+1)*out]
			clear(plane)
			first := o / (c.OutChannels / c.Groups) * perGroup
			for i := range perGroup {
				from := x[(b*c.InChannels+first+i)*in:][:in]
				for t := range kernel {
					if v := weight[(o*perGroup+i)*kernel+t]; v != 0 {
						c.addTap(plane, from, t, v)
					}
				}
			}
		}
	})
}

// addTap adds v times the input under tap t of the kernel to every output of a plane.
func (c *Conv) addTap(plane, from []int64, t int, v int64) {
	out := c.OutDims()
	last := len(out) - 1
	shift := make([]int, len(out))
	for a := last; a >= 0; a-- {
		shift[a] = t%c.Kernel[a]*c.Dilation[a] - c.PadBegin[a]
		t /= c.Kernel[a]
	}
	width := out[last]
	for r := range volume(out[:last]) {
		base, rest, scale, inside := 0, r, c.In[last], true
		for a := last - 1; a >= 0; a-- {
			at := rest%out[a]*c.Stride[a] + shift[a]
			rest /= out[a]
			inside = inside && at >= 0 && at < c.In[a]
			base += at * scale
			scale *= c.In[a]
		}
		if !inside {
			continue
		}
		for j, at := 0, shift[last]; j < width; j, at = j+1, at+c.Stride[last] {
			if at >= 0 && at < c.In[last] {
				plane[r*width+j] += v * from[base+at]
			}
		}
	}
}
