package kernel

// depthwise is the layout in which planes that share their weights, those of one channel in several images, are
// convolved together: padded planes side by side. Outputs are computed on the rows of the padded planes, with the few
// places between them computed for nothing.
type depthwise struct {
	view    *padded
	b       box
	images  int // planes at a time
	reach   int // places from a plane's first output to its last, and one
	offsets []int
}

func newDepthwise(axes *[3]axis, batch, channels int) depthwise {
	const enough = 1024 // floats that make calls cheap
	t := depthwise{b: split(axes, 0, 1)}
	t.view = newPadded(axes, t.b)
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
func (t *depthwise) length(images, channels int) int {
	return ((images-1)*t.view.plane*channels + t.reach + block - 1) &^ (block - 1)
}

// runs lists where the rows of a plane of outputs lie in the padded plane and in a target of the given shape.
func (t *depthwise) runs(axes *[3]axis) []segment {
	x, y, z := &axes[0], &axes[1], &axes[2]
	segments := make([]segment, 0, x.out*y.out)
	for i := range x.out {
		for j := range y.out {
			segments = append(segments, segment{from: i*t.view.inner[0] + j*t.view.inner[1], n: z.out,
				to: ((x.first+i*x.stride)*y.target+y.first+j*y.stride)*z.target + z.first})
		}
	}
	return segments
}

// depthwiseJob is one correlation in its depthwise layout.
type depthwiseJob struct {
	*correlation
	depthwise
	runs        []segment
	each, first int // floats an image, and before this job's part of the padded memory
}

// runDepthwise computes groups of one row each, as in depthwise convolutions: a product's tiles would be nearly
// empty, so every plane is summed directly.
func runDepthwise(w *Workers, jobs []*correlation) {
	layouts, size, places, lead := make([]depthwiseJob, len(jobs)), 0, 0, jobs[0]
	for i, c := range jobs {
		t := depthwiseJob{correlation: c, depthwise: newDepthwise(&c.axes, c.batch, c.channels), first: size}
		t.runs, t.each = t.depthwise.runs(&c.axes), c.channels*t.view.plane
		if i > 0 {
			t.depthwise.images = layouts[0].depthwise.images
		}
		layouts[i], size = t, size+t.depthwise.images*t.each+2*block
		places = max(places, t.length(t.depthwise.images, c.channels), c.depth)
	}
	images := layouts[0].depthwise.images
	pieces := (lead.batch + images - 1) / images
	w.For(lead.groups*pieces, 1, func(lo, hi int) {
		s := getScratch()
		defer s.release()
		src, dst, weights := resize(&s.padded, size), resize(&s.right, places), resize(&s.tile, places)
		clear(src)
		for r := lo; r < hi; r++ {
			for i := range layouts {
				t := &layouts[i]
				image := r % pieces * images
				t.piece(r/pieces, image, min(images, t.batch-image), src[t.first:], dst, weights[:t.depth])
			}
		}
	})
}

// piece computes some images of one group.
func (t *depthwiseJob) piece(group, image, images int, src, dst, weights []float32) {
	for i := range images * t.channels {
		from := ((image+i/t.channels)*t.groups+group)*t.channels + i%t.channels
		t.view.fill(src[i*t.view.plane:], t.src[from*t.inVolume:])
	}
	g := t.left(group)
	for p, row := range g.rows {
		weights[p] = g.data[row+g.cols[0]]
	}
	var bias float32
	if t.bias != nil {
		bias = t.bias[group]
	}
	simd.taps(t.length(images, t.channels), dst, src, t.offsets, weights, bias)
	for i := range images {
		scatterSegments(t.dst[((image+i)*t.groups+group)*t.target:], dst[i*t.each:], t.runs, t.axes[2].stride)
	}
}
