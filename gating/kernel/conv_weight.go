package kernel

// BackwardWeight computes dweight, the gradient with respect to the weights, from x and the output's gradient dy.
func (c *Conv) BackwardWeight(w *Workers, dweight, dy, x []float32) {
	g := c.sizes()
	c.check(g, x, dweight, dy)
	clear(dweight[:c.OutChannels*g.in*g.taps])
	if c.Batch*g.outVolume*g.inVolume == 0 || c.OutChannels*g.in*g.taps == 0 {
		return
	}
	job := weightBackward{conv: c, convSizes: g, axes: c.forwardAxes(), x: x, dy: dy, dweight: dweight}
	if g.in == 1 && g.out == 1 {
		job.runDepthwise(w)
		return
	}
	if c.Groups == 1 {
		job.run(w, 0)
		return
	}
	w.For(c.Groups, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			job.run(nil, i)
		}
	})
}

// weightBackward is dW = sum over images and outputs of dy × patch. The sum runs along outputs, so both operands are
// transposed: dy while it is packed, x once into planes of whole pixels, from which patches are runs of channels.
type weightBackward struct {
	conv *Conv
	convSizes
	axes           [3]axis
	x, dy, dweight []float32
}

// run computes one group, a few images (or part of one) at a time. Where it cuts follows from the shape alone.
func (d *weightBackward) run(w *Workers, group int) {
	limit := 1 << 17 // floats of either operand at a time: little, to find it in the cache again,
	if d.out*d.in*d.taps > 1<<16 {
		limit = 1 << 20 // unless going over the result more often would cost more
	}
	s := getScratch()
	defer s.release()
	largest := max(d.in*d.inVolume, d.out*d.outVolume)
	images := max(1, min(d.conv.Batch, limit/largest))
	boxes := min(max(1, largest/limit), parts(&d.axes))
	sum := resize(&s.transposed, d.out*d.in*d.taps)
	at := arange(&s.at, d.in*d.taps, 1)
	first := true
	for image := 0; image < d.conv.Batch; image += images {
		for i := range boxes {
			b := split(&d.axes, i, boxes)
			job := product{add: !first, out: sum, ldc: d.in * d.taps, at: at}
			d.operands(w, &job, group, image, min(images, d.conv.Batch-image), b, s)
			job.runAll(w, d.in*d.taps)
			first = false
		}
	}
	dst := d.dweight[group*d.out*d.in*d.taps:]
	Permute(w, dst[:len(sum)], sum, []int{d.out, d.taps, d.in}, []int{0, 2, 1})
}

// operands packs dy and brings the channels of x last for these images.
func (d *weightBackward) operands(w *Workers, job *product, group, image, images int, b box, s *scratch) {
	c := d.conv
	n := images * b.volume()
	left := operand{data: d.dy[(image*c.Groups+group)*d.out*d.outVolume:], upright: true,
		rows: d.outputs(&b, images, c.OutChannels*d.outVolume,
			[3]int{d.axes[1].out * d.axes[2].out, d.axes[2].out, 1}, true, resize(&s.leftRows, n)[:0]),
		cols: arange(&s.leftCols, d.out, d.outVolume)}
	packPanels(w, &job.left, &left, 0, n, 0, d.out, 1, &s.left)

	if d.taps == 1 {
		d.samples(w, &job.right, group, image, images, b, s)
		return
	}
	view := newChannelsLast(&d.axes, b, d.in)
	pixels := resize(&s.padded, images*view.image+simd.lanes)
	rows := view.size[0] * view.size[1]
	w.For(images*rows, 4, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			src := d.x[((image+r/rows)*c.Groups+group)*d.in*d.inVolume:]
			view.fillRow(pixels[r*view.size[2]*view.next:], src, r%rows)
		}
	})
	job.right = operand{data: pixels, near: true,
		rows: d.outputs(&b, images, view.image, view.step, false, resize(&s.rows, n)[:0]),
		cols: view.columns(&b, resize(&s.cols, d.in*d.taps)[:0])}
}

// samples fills g for a kernel of one element: planes of x are read as they are, or first gathered by the strides.
func (d *weightBackward) samples(w *Workers, g *operand, group, image, images int, b box, s *scratch) {
	c, view := d.conv, newView(&d.axes, b)
	src, next, n := d.x[(image*c.Groups+group)*d.in*d.inVolume:], c.Groups*d.in*d.inVolume, images*b.volume()
	if !view.whole {
		planes := resize(&s.padded, images*d.in*view.plane)
		w.For(images*d.in, 16, func(lo, hi int) {
			clear(planes[lo*view.plane : hi*view.plane])
			for p := lo; p < hi; p++ {
				view.fill(planes[p*view.plane:], src[p/d.in*next+p%d.in*d.inVolume:])
			}
		})
		src, next = planes, d.in*view.plane
	}
	at := 0
	eachTap(&d.axes, func(_, shift [3]int) { at = view.tap(shift, &b) })
	*g = operand{data: src[at:], upright: true,
		rows: d.outputs(&b, images, next, view.inner, false, resize(&s.rows, n)[:0]),
		cols: arange(&s.cols, d.in, view.plane)}
}

// outputs lists the offsets of all outputs of a box for some images; absolute counts from output 0 and not from the
// box.
func (d *weightBackward) outputs(b *box, images, next int, step [3]int, absolute bool, list []int) []int {
	var lo [3]int
	if !absolute {
		lo = [3]int{b[0].lo, b[1].lo, b[2].lo}
	}
	for img := range images {
		for i := b[0].lo; i < b[0].hi; i++ {
			for j := b[1].lo; j < b[1].hi; j++ {
				at := img*next + (i-lo[0])*step[0] + (j-lo[1])*step[1]
				for k := b[2].lo; k < b[2].hi; k++ {
					list = append(list, at+(k-lo[2])*step[2])
				}
			}
		}
	}
	return list
}
