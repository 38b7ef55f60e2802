package kernel

// Conv is the geometry of an n-dimensional convolution (cross-correlation, as ONNX Conv means it) over one to
// three spatial axes. Tensors are dense: x is Batch×InChannels×In, y is Batch×OutChannels×OutDims, weights are
// OutChannels×(InChannels/Groups)×Kernel. Its methods overwrite their results.
//
// A ConvTranspose is the Conv that would produce its input from its output: In is the transposed output's shape, InChannels its channels,
// and its forward pass is BackwardInput.
type Conv struct {
	Batch, InChannels, OutChannels, Groups         int
	In, Kernel, Stride, Dilation, PadBegin, PadEnd []int
	// Out, when not nil, replaces the computed output shape. It may be smaller than the computed one.
	Out []int
}

// OutDims returns the spatial shape of the output, floor((in+pads-dilation·(kernel-1)-1)/stride)+1 per axis and never below 0.
func (c *Conv) OutDims() []int {
	if c.Out != nil {
		return c.Out
	}
	out := make([]int, len(c.In))
	for i := range out {
		span := c.In[i] + c.PadBegin[i] + c.PadEnd[i] - c.Dilation[i]*(c.Kernel[i]-1) - 1
		if span >= 0 {
			out[i] = span/c.Stride[i] + 1
		}
	}
	return out
}

// Forward computes y from x, weights and bias (one value per output channel, or nil for none).
func (c *Conv) Forward(w *Workers, x, weight, bias, y []float32) {
	clear(y)
	if bias != nil {
		size := volume(c.OutDims())
		for i := range y {
			y[i] = bias[i/size%c.OutChannels]
		}
	}
	c.taps(func(xi, wi, yi int) { y[yi] += x[xi] * weight[wi] })
}

// BackwardInput computes dx, the gradient with respect to x, from the output's gradient dy.
func (c *Conv) BackwardInput(w *Workers, weight, dy, dx []float32) {
	clear(dx)
	c.taps(func(xi, wi, yi int) { dx[xi] += dy[yi] * weight[wi] })
}

// BackwardWeight computes dweight, the gradient with respect to the weights, from the output's gradient dy.
func (c *Conv) BackwardWeight(w *Workers, x, dy, dweight []float32) {
	clear(dweight)
	c.taps(func(xi, wi, yi int) { dweight[wi] += dy[yi] * x[xi] })
}

// BackwardBias computes dbias, the sum of dy over batch and space for each output channel.
func (c *Conv) BackwardBias(w *Workers, dy, dbias []float32) {
	size := volume(c.OutDims())
	w.For(c.OutChannels, 1, func(lo, hi int) {
		for o := lo; o < hi; o++ {
			var sum float64
			for b := range c.Batch {
				at := (b*c.OutChannels + o) * size
				for _, v := range dy[at : at+size] {
					sum += float64(v)
				}
			}
			dbias[o] = float32(sum)
		}
	})
}

func volume(dims []int) int {
	v := 1
	for _, d := range dims {
		v *= d
	}
	return v
}
func (c *Conv) taps(visit func(xi, wi, yi int)) {
	out, ic, oc := c.OutDims(), c.InChannels/c.Groups, c.OutChannels/c.Groups
	ks, is, os := volume(c.Kernel), volume(c.In), volume(out)
	for b := range c.Batch {
		for o := range c.OutChannels {
			for i := range ic {
				for p := range os {
					for t := range ks {
						xi, ok := 0, true
						pp, tt, scale := p, t, 1
						for a := len(out) - 1; a >= 0; a-- {
							at := pp%out[a]*c.Stride[a] + tt%c.Kernel[a]*c.Dilation[a] - c.PadBegin[a]
							pp, tt = pp/out[a], tt/c.Kernel[a]
							ok = ok && at >= 0 && at < c.In[a]
							xi += at * scale
							scale *= c.In[a]
						}
						if ok {
							visit((b*c.InChannels+o/oc*ic+i)*is+xi, (o*ic+i)*ks+t, (b*c.OutChannels+o)*os+p)
						}
					}
				}
			}
		}
	}
}
