package kernel

// runThin computes groups of one row each, as in depthwise convolutions: no panel would be filled, so every plane is summed
// directly. Outputs are computed on the slab's own rows, with the few places between them computed for nothing and dropped.
func (c *correlation) runThin(w *Workers) {
	b := split(&c.axes, 0, 1)
	view := newSlab(&c.axes, b)
	offsets := c.patchRows(view, &b, make([]int, 0, c.depth))
	n := ((b[0].hi-1)*view.pos[1]+b[1].hi-1)*view.pos[2] + b[2].hi
	n = (n + block - 1) &^ (block - 1)
	w.For(c.batch*c.groups, 4, func(lo, hi int) {
		s := borrow()
		defer s.giveBack()
		src := resize(&s.slab, c.channels*view.plane+2*block)
		dst := resize(&s.right, n)
		weights := resize(&s.tile, c.depth)
		for r := lo; r < hi; r++ {
			for ch := range c.channels {
				view.fill(src[ch*view.plane:], c.src[(r*c.channels+ch)*c.inVolume:])
			}
			g := c.left(r % c.groups)
			for p, row := range g.rows {
				weights[p] = g.data[row+g.cols[0]]
			}
			var bias float32
			if c.bias != nil {
				bias = c.bias[r%c.groups]
			}
			simd.taps(n, dst, src, offsets, weights, bias)
			c.unload(view, dst, c.dst[r*c.target:])
		}
	})
}

// unload writes the rows of a plane to their places in the target.
func (c *correlation) unload(view *slab, src, dst []float32) {
	x, y, z := &c.axes[0], &c.axes[1], &c.axes[2]
	for i := range x.out {
		for j := range y.out {
			row := src[i*view.inner[0]+j*view.inner[1]:][:z.out]
			to := dst[((x.first+i*x.stride)*y.target+y.first+j*y.stride)*z.target+z.first:]
			if z.stride == 1 {
				copy(to, row)
				continue
			}
			for k, v := range row {
				to[k*z.stride] = v
			}
		}
	}
}
