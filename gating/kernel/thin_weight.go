package kernel

// runThin computes the weight gradient of a depthwise convolution: for every tap the dot product of dy, spread
// over the slab's rows with zeros between, and the shifted plane of x. Lanes add up over the whole batch.
func (d *weightGradient) runThin(w *Workers) {
	b := split(&d.axes, 0, 1)
	view := newSlab(&d.axes, b)
	n := ((b[0].hi-1)*view.pos[1]+b[1].hi-1)*view.pos[2] + b[2].hi
	n = (n + block - 1) &^ (block - 1)
	w.For(d.conv.Groups, 1, func(lo, hi int) {
		s := borrow()
		defer s.giveBack()
		x, dy := resize(&s.slab, view.plane+2*block), resize(&s.right, n)
		clear(x)
		clear(dy)
		lanes := make([][block]float32, d.taps)
		for ch := lo; ch < hi; ch++ {
			clear(lanes)
			for img := range d.conv.Batch {
				r := img*d.conv.Groups + ch
				view.fill(x, d.x[r*d.inVolume:])
				d.spread(view, dy, d.dy[r*d.outVolume:])
				t := 0
				eachTap(&d.axes, func(_, shift [3]int) {
					simd.dot(dy, x[view.tap(shift, &b):], &lanes[t])
					t++
				})
			}
			for t := range lanes {
				d.dweight[ch*d.taps+t] = sumLanes(&lanes[t])
			}
		}
	})
}

// spread copies the rows of one plane of dy to the slab's rows; what lies between stays zero.
func (d *weightGradient) spread(view *slab, dst, src []float32) {
	rows, cols := d.axes[1].out, d.axes[2].out
	for i := range d.axes[0].out {
		for j := range rows {
			copy(dst[i*view.inner[0]+j*view.inner[1]:][:cols], src[(i*rows+j)*cols:])
		}
	}
}

// sumLanes adds up partial sums in double precision.
func sumLanes(lanes *[block]float32) float32 {
	var sum float64
	for _, v := range lanes {
		sum += float64(v)
	}
	return float32(sum)
}
