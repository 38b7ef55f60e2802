package kernel

// correlation is the work of a convolution's forward pass and of its input gradient: every row of the result is a
// sum over channels and taps of weights times shifted source planes. It is computed as one product per group whose
// right operand, the patches, is packed piece by piece straight from the source.
type correlation struct {
	batch, groups  int
	channels, rows int // of one group
	axes           [3]axis
	src, dst, bias []float32
	left           func(group int) operand // weights: p runs over channels and, fastest, taps

	outVolume, inVolume, target, depth int
	// How the work is cut: images a piece, pieces of an image, pieces of the rows.
	images, boxes, down int
	lefts               []panels
	patches             []*patches // for each box
}

// measure fills in sizes and says whether anything is left to compute: without outputs nothing is, and without products
// outputs are constant.
func (c *correlation) measure(w *Workers) bool {
	c.outVolume, c.inVolume, c.target = 1, 1, 1
	taps := 1
	for d := range c.axes {
		a := &c.axes[d]
		c.outVolume, c.inVolume, c.target = c.outVolume*a.out, c.inVolume*a.in, c.target*a.target
		taps *= a.taps()
	}
	c.depth = taps * c.channels
	if c.batch*c.groups*c.rows*c.outVolume == 0 {
		return false
	}
	if c.depth*c.inVolume == 0 {
		c.constant(w)
		return false
	}
	return true
}

// correlate runs jobs that have all but their axes and weights in common and write different elements of the same
// target: each image passes through all of them while it is in the cache.
func correlate(w *Workers, jobs ...correlation) {
	var rest []*correlation
	for i := range jobs {
		c := &jobs[i]
		switch {
		case !c.measure(w):
		case c.rows > 1 && c.worthBatching():
			c.runBatched(w)
		default:
			rest = append(rest, c)
		}
	}
	switch {
	case len(rest) == 0:
	case rest[0].rows == 1:
		runDepthwise(w, rest)
	default:
		runPatches(w, rest)
	}
}

// runPatches computes every job as products of its weights and patches, image by image.
func runPatches(w *Workers, jobs []*correlation) {
	lead := jobs[0]
	lead.cut(w)
	for _, c := range jobs {
		s := getScratch()
		defer s.release()
		c.lefts = c.packLefts(w, s)
		c.images, c.boxes, c.down = lead.images, lead.boxes, lead.down
		for b := range c.boxes {
			c.patches = append(c.patches, newPatches(c, split(&c.axes, b, c.boxes)))
		}
	}
	pieces := (lead.batch + lead.images - 1) / lead.images
	w.For(lead.groups*pieces*lead.boxes*lead.down, 1, func(lo, hi int) {
		s := getScratch()
		defer s.release()
		for t := lo; t < hi; t++ {
			part, at := t%lead.down, t/lead.down
			b, at := at%lead.boxes, at/lead.boxes
			for _, c := range jobs {
				c.piece(at/pieces, at%pieces*c.images, c.patches[b], part, s)
			}
		}
	})
}

// packLefts packs the weights of all groups side by side.
func (c *correlation) packLefts(w *Workers, s *scratch) []panels {
	lefts := make([]panels, c.groups)
	if c.groups == 1 {
		g := c.left(0)
		packPanels(w, &lefts[0], &g, 0, c.depth, 0, c.rows, 1, &s.left)
		return lefts
	}
	each := (c.rows + simd.tall - 1) / simd.tall * c.depth * simd.stride
	all := resize(&s.left, c.groups*each)
	w.For(c.groups, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g, buf := c.left(i), all[i*each:(i+1)*each:(i+1)*each]
			packPanels(nil, &lefts[i], &g, 0, c.depth, 0, c.rows, 1, &buf)
		}
	})
	return lefts
}

// cut decides on pieces: enough columns that weights are read rarely, a padded source that fits the cache, something
// for every thread.
func (c *correlation) cut(w *Workers) {
	const columns, sourceLimit = 128, 1 << 18
	enough := 4 * w.Threads()
	c.images = max(1, min(c.batch, columns/c.outVolume))
	if c.images == 1 {
		c.images = c.fullest(sourceLimit)
	}
	pieces := (c.batch + c.images - 1) / c.images * c.groups
	c.boxes = max(1, c.channels*c.inVolume/sourceLimit)
	if pieces*c.boxes < enough && w.Threads() > 1 {
		c.boxes = max(c.boxes, min((enough+pieces-1)/pieces, c.outVolume/columns))
	}
	c.boxes = min(c.boxes, parts(&c.axes))
	c.down = 1
	if w.Threads() > 1 && pieces*c.boxes < 2*w.Threads() {
		c.down = min((2*w.Threads()+pieces*c.boxes-1)/(pieces*c.boxes), (c.rows+simd.tall-1)/simd.tall)
	}
}

// fullest is how many images, up to four, fill the last panel of a piece best.
func (c *correlation) fullest(sourceLimit int) int {
	best, empty := 1, 1.0
	for images := 1; images <= min(4, c.batch) && images*c.channels*c.inVolume <= sourceLimit; images++ {
		n := images * c.outVolume
		if rest := float64(-n&(simd.narrow-1)) / float64(n); rest < empty-0.01 {
			best, empty = images, rest
		}
	}
	return best
}

// piece computes some rows of some outputs of a few images of one group.
func (c *correlation) piece(group, image int, p *patches, part int, s *scratch) {
	images, left := min(c.images, c.batch-image), c.lefts[group]
	src := c.src[(image*c.groups+group)*c.channels*c.inVolume:]
	if !p.view.whole {
		src = p.load(src, images, s)
	}
	job := product{left: left, ldc: c.target, at: p.at, out: c.dst[(image*c.groups+group)*c.rows*c.target:],
		right: operand{data: src, rows: p.rows, cols: p.cols, near: !p.view.whole}}
	if c.bias != nil {
		job.bias = c.bias[group*c.rows:]
	}
	i0, i1 := part*left.count()/c.down, (part+1)*left.count()/c.down
	n, step := images*p.outputs, 8*simd.wide
	for j := 0; j < n; j += step {
		c.columns(&job, i0, i1, j, min(j+step, n), s)
	}
}

// columns computes rows of panels i0..i1 in columns j0..j1. Columns that do not lie side by side are computed in a
// dense copy first, which is then scattered segment by segment.
func (c *correlation) columns(job *product, i0, i1, j0, j1 int, s *scratch) {
	if job.at[j1-1]-job.at[j0] == j1-1-j0 {
		job.run(i0, i1, j0, j1, s)
		return
	}
	first, _ := job.left.rows(i0)
	_, last := job.left.rows(i1 - 1)
	dense, n := *job, j1-j0
	sums := resize(&s.sums, c.rows*n)
	dense.out, dense.ldc, dense.at = sums, n, arange(&s.dense, n, 1)
	dense.right.cols = job.right.cols[j0:j1]
	dense.run(i0, i1, 0, n, s)
	step := c.axes[2].stride
	segments := findSegments(job.at[j0:j1], step, resize(&s.segments, n)[:0])
	for r := first; r < last; r++ {
		scatterSegments(job.out[r*job.ldc:], sums[r*n:], segments, step)
	}
}

// constant writes the bias, or zero, to every output: there is nothing to sum.
func (c *correlation) constant(w *Workers) {
	b := split(&c.axes, 0, 1)
	_, at := c.columnTables(newPadded(&c.axes, b), b, 1, 0)
	w.For(c.batch*c.groups*c.rows, 16, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			var v float32
			if c.bias != nil {
				v = c.bias[r%(c.groups*c.rows)]
			}
			plane := c.dst[r*c.target:]
			for _, i := range at {
				plane[i] = v
			}
		}
	})
}
