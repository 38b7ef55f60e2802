package kernel

// patches is the right operand of a correlation for one box of outputs: how to lay out what they read, and where rows,
// one a channel and tap, and columns, one an output of each image, lie in it.
type patches struct {
	*correlation
	view     *padded
	outputs  int // of one image
	rows     []int
	cols, at []int // where each column is read, relative to its row, and written
}

func newPatches(c *correlation, b box) *patches {
	p := &patches{correlation: c, view: newView(&c.axes, b), outputs: b.volume(), rows: make([]int, 0, c.depth)}
	eachTap(&c.axes, func(_, shift [3]int) { p.rows = append(p.rows, p.view.tap(shift, &b)) })
	taps := len(p.rows)
	for r := taps; r < c.depth; r++ {
		p.rows = append(p.rows, p.rows[r-taps]+p.view.plane)
	}
	next := c.channels * p.view.plane // floats from one image to the next
	if p.view.whole {
		next *= c.groups
	}
	p.cols, p.at = c.columnTables(p.view, b, c.images, next)
	return p
}

// columnTables lists where each output of a box reads, for some images next apart, and where it is written.
func (c *correlation) columnTables(view *padded, b box, images, next int) (cols, at []int) {
	x, y, z := &c.axes[0], &c.axes[1], &c.axes[2]
	cols, at = make([]int, 0, images*b.volume()), make([]int, 0, images*b.volume())
	for img := range images {
		for i := b[0].lo; i < b[0].hi; i++ {
			for j := b[1].lo; j < b[1].hi; j++ {
				from := img*next + (i-b[0].lo)*view.inner[0] + (j-b[1].lo)*view.inner[1]
				row := (x.first+i*x.stride)*y.target + y.first + j*y.stride
				to := img*c.groups*c.rows*c.target + row*z.target + z.first
				for k := b[2].lo; k < b[2].hi; k++ {
					cols, at = append(cols, from+k-b[2].lo), append(at, to+k*z.stride)
				}
			}
		}
	}
	return cols, at
}

// load copies what some images' outputs read, from the first channel of the first image on.
func (p *patches) load(src []float32, images int, s *scratch) []float32 {
	buf := resize(&s.padded, images*p.channels*p.view.plane+simd.lanes)
	clear(buf)
	for i := range images * p.channels {
		from := (i/p.channels*p.groups*p.channels + i%p.channels) * p.inVolume
		p.view.fill(buf[i*p.view.plane:], src[from:])
	}
	return buf
}
