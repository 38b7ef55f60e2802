package kernel

import "slices"

// Conv is the geometry of an n-dimensional convolution (cross-correlation, as ONNX Conv means it) over one to
// three spatial axes. Tensors are dense: x is Batch×InChannels×In, y is Batch×OutChannels×OutDims, weights are
// OutChannels×(InChannels/Groups)×Kernel. Its methods overwrite their results. Padding may be negative, which crops.
//
// A ConvTranspose is the Conv that would produce its input from its output: In is the transposed output's shape,
// InChannels its channels, and its forward pass is BackwardInput, its gradients Forward and BackwardWeight.
type Conv struct {
	Batch, InChannels, OutChannels, Groups         int
	In, Kernel, Stride, Dilation, PadBegin, PadEnd []int
	// Out, when not nil, replaces the computed output shape; what it reaches past the padded input is zero.
	Out []int
}

// OutDims returns the spatial shape of the output, floor((in+pads-dilation·(kernel-1)-1)/stride)+1 per axis and never
// below 0.
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

// Forward computes y from x, weights and bias (one value per output channel, or nil for none). The order of an output's
// sum follows from the shape: channels and, fastest, taps, in blocks; padding counts as zeros or is left out.
func (c *Conv) Forward(w *Workers, y, x, weight, bias []float32) {
	g := c.sizes()
	c.check(g, x, weight, y)
	if bias != nil {
		requireLen("bias", len(bias), c.OutChannels)
	}
	s := getScratch()
	defer s.release()
	job := correlation{batch: c.Batch, groups: c.Groups, channels: g.in, rows: g.out, axes: c.forwardAxes(),
		src: x, dst: y, bias: bias}
	rows, cols := arange(&s.leftRows, g.in*g.taps, 1), arange(&s.leftCols, g.out, g.in*g.taps)
	job.left = func(i int) operand {
		return operand{data: weight[i*g.out*g.in*g.taps:], rows: rows, cols: cols, upright: true}
	}
	correlate(w, job)
}

// BackwardInput computes dx, the gradient with respect to x, from the output's gradient dy. The elements of dx that
// are a stride apart are themselves a convolution of dy with every stride-th weight: one pass for each offset, no
// product is wasted.
func (c *Conv) BackwardInput(w *Workers, dx, dy, weight []float32) {
	g := c.sizes()
	c.check(g, dx, weight, dy)
	s := getScratch()
	defer s.release()
	turned := c.transposeWeight(w, g, weight, s)
	var jobs []correlation
	c.eachPhase(func(axes [3]axis) {
		jobs = append(jobs, correlation{batch: c.Batch, groups: c.Groups, channels: g.out, rows: g.in, axes: axes,
			src: dy, dst: dx, left: turned.only(&axes, g)})
	})
	correlate(w, jobs...)
}

// only returns, for each group, the rows of g that belong to the taps of axes.
func (g operand) only(axes *[3]axis, c convSizes) func(group int) operand {
	var rows []int
	for o := range c.out {
		eachTap(axes, func(tap, _ [3]int) {
			rows = append(rows, g.rows[o*c.taps+(tap[0]*c.kernel[1]+tap[1])*c.kernel[2]+tap[2]])
		})
	}
	g.rows = rows
	return func(group int) operand {
		part := g
		part.data = g.data[group*c.taps*c.out*c.in:]
		return part
	}
}

// transposeWeight returns the weights of the first group with (output channel, tap) as rows and input channels as
// columns. Where strides split the taps, stretches of them are too short to be transposed while they are packed, so
// all are transposed before. The tables live as long as s is held.
func (c *Conv) transposeWeight(w *Workers, g convSizes, weight []float32, s *scratch) operand {
	rows := resize(&s.transposedRows, g.out*g.taps)
	split := g.taps > 1 && slices.Max(c.Stride) > 1
	for i := range rows {
		rows[i] = i/g.taps*g.in*g.taps + i%g.taps
		if split {
			rows[i] = i * g.in
		}
	}
	if !split {
		return operand{data: weight, rows: rows, cols: arange(&s.leftCols, g.in, g.taps), upright: g.taps > 1}
	}
	turned := resize(&s.transposed, c.OutChannels*g.in*g.taps)
	Permute(w, turned, weight, []int{c.OutChannels, g.in, g.taps}, []int{0, 2, 1})
	return operand{data: turned, rows: rows, cols: arange(&s.leftCols, g.in, 1)}
}

// convSizes are counts that every pass needs; in and out are channels of one group.
type convSizes struct {
	in, out, taps, inVolume, outVolume int
	kernel                             [3]int
}

func (c *Conv) sizes() convSizes {
	g := convSizes{taps: volume(c.Kernel), inVolume: volume(c.In), outVolume: volume(c.OutDims()),
		kernel: [3]int{1, 1, 1}}
	if c.Groups > 0 {
		g.in, g.out = c.InChannels/c.Groups, c.OutChannels/c.Groups
	}
	copy(g.kernel[3-len(c.Kernel):], c.Kernel)
	return g
}

func (c *Conv) check(g convSizes, x, weight, y []float32) {
	requireLen("x", len(x), c.Batch*c.InChannels*g.inVolume)
	requireLen("weights", len(weight), c.OutChannels*g.in*g.taps)
	requireLen("y", len(y), c.Batch*c.OutChannels*g.outVolume)
}

func volume(dims []int) int {
	v := 1
	for _, d := range dims {
		v *= d
	}
	return v
}
