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
	eachTap(axes, func(_, shift [3]int) { t.offsets = append(t.offsets, t.view.tap(shift, &t.b)) })
	for ch := 1; ch < channels; ch++ {
		for _, o := range t.offsets[:len(t.offsets)/ch] {
			t.offsets = append(t.offsets, o+ch*t.view.plane)
		}
	}
	return t
}

// length is how many places the outputs of some images span, in whole blocks.
func (t *thin) length(images, channels int) int {
	return ((images-1)*t.view.plane*channels + t.reach + block - 1) &^ (block - 1)
}

// runs lists where the rows of a plane of outputs lie in the slab and in a target of the given shape.
func (t *thin) runs(axes *[3]axis) []line {
	x, y, z := &axes[0], &axes[1], &axes[2]
	lines := make([]line, 0, x.out*y.out)
	for i := range x.out {
		for j := range y.out {
			lines = append(lines, line{from: i*t.view.inner[0] + j*t.view.inner[1], n: z.out,
				to: ((x.first+i*x.stride)*y.target+y.first+j*y.stride)*z.target + z.first})
		}
	}
	return lines
}

// thinJob is one correlation in its thin layout.
type thinJob struct {
	*correlation
	thin
	runs       []line
	each, slab int // floats an image, and before this job's part of the slab
}

// runThin computes groups of one row each, as in depthwise convolutions: a product's tiles would be nearly empty, so every
// plane is summed directly.
func runThin(w *Workers, jobs []*correlation) {
	thins, size, places, lead := make([]thinJob, len(jobs)), 0, 0, jobs[0]
	for i, c := range jobs {
		t := thinJob{correlation: c, thin: newThin(&c.axes, c.batch, c.channels), slab: size}
		t.runs, t.each = t.thin.runs(&c.axes), c.channels*t.view.plane
		if i > 0 {
			t.thin.images = thins[0].thin.images
		}
		thins[i], size = t, size+t.thin.images*t.each+2*block
		places = max(places, t.length(t.thin.images, c.channels), c.depth)
	}
	images := thins[0].thin.images
	pieces := (lead.batch + images - 1) / images
	w.For(lead.groups*pieces, 1, func(lo, hi int) {
		s := borrow()
		defer s.giveBack()
		slab, dst, weights := resize(&s.slab, size), resize(&s.right, places), resize(&s.tile, places)
		clear(slab)
		for r := lo; r < hi; r++ {
			for i := range thins {
				t := &thins[i]
				image := r % pieces * images
				t.piece(r/pieces, image, min(images, t.batch-image), slab[t.slab:], dst, weights[:t.depth])
			}
		}
	})
}

// piece computes some images of one group.
func (t *thinJob) piece(group, image, images int, slab, dst, weights []float32) {
	for i := range images * t.channels {
		from := ((image+i/t.channels)*t.groups+group)*t.channels + i%t.channels
		t.view.fill(slab[i*t.view.plane:], t.src[from*t.inVolume:])
	}
	g := t.left(group)
	for p, row := range g.rows {
		weights[p] = g.data[row+g.cols[0]]
	}
	var bias float32
	if t.bias != nil {
		bias = t.bias[group]
	}
	simd.taps(t.length(images, t.channels), dst, slab, t.offsets, weights, bias)
	for i := range images {
		deal(t.dst[((image+i)*t.groups+group)*t.target:], dst[i*t.each:], t.runs, t.axes[2].stride)
	}
}
