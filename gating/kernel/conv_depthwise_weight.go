package kernel

// runDepthwise computes the weight gradient of a depthwise convolution: for every tap the dot product of dy, spread
// over the rows of the padded plane with zeros between, and the shifted planes of x.
func (d *weightBackward) runDepthwise(w *Workers) {
	t := newDepthwise(&d.axes, d.conv.Batch, 1)
	runs := t.runs(&d.axes)
	for i := range runs {
		runs[i].to, runs[i].from = runs[i].from, runs[i].to
	}
	channels, plane := d.conv.Groups, t.view.plane
	w.For(channels, 1, func(lo, hi int) {
		s := getScratch()
		defer s.release()
		x, dy := resize(&s.padded, t.images*plane+2*block), resize(&s.right, t.images*plane+2*block)
		clear(x)
		clear(dy)
		lanes := make([][16]float32, d.taps)
		for ch := lo; ch < hi; ch++ {
			clear(lanes)
			for image := 0; image < d.conv.Batch; image += t.images {
				images := min(t.images, d.conv.Batch-image)
				for i := range images {
					from := (image+i)*channels + ch
					t.view.fill(x[i*plane:], d.x[from*d.inVolume:])
					simd.copySegments(dy[i*plane:], d.dy[from*d.outVolume:], runs)
				}
				clear(x[images*plane:]) // what a fuller round left there
				clear(dy[images*plane:])
				n := t.length(images, 1)
				for tap, offset := range t.offsets {
					simd.dot(&lanes[tap], dy[:n], x[offset:])
				}
			}
			for tap := range lanes {
				d.dweight[ch*d.taps+tap] = float32(sumLanes(&lanes[tap]))
			}
		}
	})
}
