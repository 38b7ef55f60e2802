package kernel

// thin is the layout in which planes that share their weights, those of one channel in several images, are convolved
// together: slabs side by side. Outputs are computed on the slab's own rows, with the few places between them computed for nothing.
type thin struct {
	view    *slab
	b       box
	images  int // planes at a time
	reach   int // places from a plane's first output to its last, and one
	offsets []int
}

func newThin(axes *[3]axis, batch, channels int) thin {
	const enough = 1024 // floats that make calls cheap
	t := thin{b: split(axes, 0, 1)}
	t.view = newSlab(axes, t.b)
	t.images = max(1, min(batch, enough/(t.view.plane*channels)))
	t.reach = ((t.b[0].hi-1)*t.view.pos[1]+t.b[1].hi-1)*t.view.pos[2] + t.b[2].hi
	for ch := range channels {
		eachTap(axes, func(_, shift [3]int) { t.offsets = append(t.offsets, ch*t.view.plane+t.view.tap(shift, &t.b)) })
	}
	return t
}

// length is how many places the outputs of some images span, in whole blocks.
func (t *thin) length(images, channels int) int {
	return ((images-1)*t.view.plane*channels + t.reach + block - 1) &^ (block - 1)
}

// runs lists where the rows of a plane of outputs lie in the slab and in a target of the given shape.
func (t *thin) runs(axes *[3]axis) []line {
	var lines []line
	x, y, z := &axes[0], &axes[1], &axes[2]
	for i := range x.out {
		for j := range y.out {
			lines = append(lines, line{from: i*t.view.inner[0] + j*t.view.inner[1], n: z.out,
				to: ((x.first+i*x.stride)*y.target+y.first+j*y.stride)*z.target + z.first})
		}
	}
	return lines
}

// runThin computes groups of one row each, as in depthwise convolutions: a product's tiles would be nearly empty, so every
// plane is summed directly.
func (c *correlation) runThin(w *Workers) {
	t := newThin(&c.axes, c.batch, c.channels)
	runs := t.runs(&c.axes)
	each := c.channels * t.view.plane // floats an image
	pieces := (c.batch + t.images - 1) / t.images
	w.For(c.groups*pieces, 1, func(lo, hi int) {
		s := borrow()
		defer s.giveBack()
		src := resize(&s.slab, t.images*each+2*block)
		clear(src)
		dst, weights := resize(&s.right, t.length(t.images, c.channels)), resize(&s.tile, c.depth)
		for r := lo; r < hi; r++ {
			group, image := r/pieces, r%pieces*t.images
			images := min(t.images, c.batch-image)
			for i := range images * c.channels {
				from := ((image+i/c.channels)*c.groups+group)*c.channels + i%c.channels
				t.view.fill(src[i*t.view.plane:], c.src[from*c.inVolume:])
			}
			c.thinWeights(group, weights)
			var bias float32
			if c.bias != nil {
				bias = c.bias[group]
			}
			simd.taps(t.length(images, c.channels), dst, src, t.offsets, weights, bias)
			for i := range images {
				deal(c.dst[((image+i)*c.groups+group)*c.target:], dst[i*each:], runs, c.axes[2].stride)
			}
		}
	})
}

func (c *correlation) thinWeights(group int, weights []float32) {
	g := c.left(group)
	for p, row := range g.rows {
		weights[p] = g.data[row+g.cols[0]]
	}
}
