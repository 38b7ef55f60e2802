package kernel

// Small planes are mostly border: of a 3×3 kernel's products on a 4×4 plane, a third meet padding. When the same
// output of many images makes a panel, each output can leave out the taps that lie outside, which runs of
// neighbouring outputs cannot.

// worthBatching says whether leaving out padding pays. It depends on the shape alone, because it changes the order of
// sums.
func (c *correlation) worthBatching() bool {
	const columns = 16 // of the narrowest tile that is fast
	if c.groups != 1 || c.inVolume > 256 {
		return false
	}
	inside, all := 1, c.outVolume
	for d := range c.axes {
		a := &c.axes[d]
		n := 0
		for o := range a.out {
			before := n
			for t := range a.shift {
				if a.reaches(o, t) {
					n++
				}
			}
			if n == before {
				return false // an output of nothing but bias
			}
		}
		inside, all = inside*n, all*a.taps()
	}
	filled := (c.batch + columns - 1) / columns * columns
	return 10*inside*filled < 9*all*c.batch
}

// reaches says whether tap t of output o lies inside the source.
func (a *axis) reaches(o, t int) bool {
	i := o*a.step + a.shift[t]
	return i >= 0 && i < a.in
}

// batched is one panel's worth of images under way: sources as place, channel, image and results as output, row, image.
type batched struct {
	*correlation
	left     *panels
	width    int
	src, dst []float32
	segments []segment
}

// contribution is one tap's to one output: the place that it reads, and whether no earlier tap contributes to the
// output.
type contribution struct {
	output, place int
	first         bool
}

func (c *correlation) runBatched(w *Workers) {
	s := getScratch()
	defer s.release()
	left := &c.packLefts(w, s)[0]
	b := batched{correlation: c, left: left, width: tileWidth(min(c.batch, simd.wide)), segments: c.outputRows()}
	b.src = resize(&s.padded, c.inVolume*c.channels*b.width)
	b.dst = resize(&s.sums, c.outVolume*c.rows*b.width)
	blocks := b.blocks()
	for image := 0; image < c.batch; image += b.width {
		images := min(b.width, c.batch-image)
		w.For(c.channels, 4, func(lo, hi int) {
			for ch := lo; ch < hi; ch++ {
				b.load(ch, image, images)
			}
		})
		w.For(len(blocks)*left.count(), 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				b.multiply(i%left.count(), blocks[i/left.count()])
			}
		})
		w.For(c.rows, 4, func(lo, hi int) {
			s := getScratch()
			defer s.release()
			for r := lo; r < hi; r++ {
				b.store(r, image, images, s)
			}
		})
	}
}

// blocks cuts the outputs so that what a block reads stays in the second cache while all weights pass by.
func (b *batched) blocks() [][][]contribution {
	const near, few = 1 << 18, 8
	step := b.outVolume
	if len(b.src) > near {
		step = few
	}
	var blocks [][][]contribution
	for o := 0; o < b.outVolume; o += step {
		blocks = append(blocks, b.tapsOf(o, min(o+step, b.outVolume)))
	}
	return blocks
}

// tapsOf finds what lies inside for a range of outputs, tap by tap.
func (c *correlation) tapsOf(lo, hi int) [][]contribution {
	var taps [][]contribution
	x, y, z := &c.axes[0], &c.axes[1], &c.axes[2]
	seen := make([]bool, hi-lo)
	for ti := range x.tap {
		for tj := range y.tap {
			for tk := range z.tap {
				inside := make([]contribution, 0, hi-lo)
				for o := lo; o < hi; o++ {
					i, j, k := o/(y.out*z.out), o/z.out%y.out, o%z.out
					if x.reaches(i, ti) && y.reaches(j, tj) && z.reaches(k, tk) {
						place := ((i*x.step+x.shift[ti])*y.in+j*y.step+y.shift[tj])*z.in + k*z.step + z.shift[tk]
						inside = append(inside, contribution{o, place, !seen[o-lo]})
						seen[o-lo] = true
					}
				}
				taps = append(taps, inside)
			}
		}
	}
	return taps
}

// outputRows lists where each row of outputs lies in the target's plane.
func (c *correlation) outputRows() []segment {
	x, y, z := &c.axes[0], &c.axes[1], &c.axes[2]
	segments := make([]segment, 0, x.out*y.out)
	for i := range x.out {
		for j := range y.out {
			segments = append(segments, segment{from: (i*y.out + j) * z.out, n: z.out,
				to: ((x.first+i*x.stride)*y.target+y.first+j*y.stride)*z.target + z.first})
		}
	}
	return segments
}

// load brings one channel of some images into panels, one for each place.
func (b *batched) load(ch, image, images int) {
	for i := 0; i < images; i += 16 {
		var rows [16]int
		for l := range rows {
			rows[l] = ((image+min(i+l, images-1))*b.channels + ch) * b.inVolume
		}
		transpose(b.src[ch*b.width+i:], b.channels*b.width, b.width-i, b.correlation.src, &rows, min(16, images-i),
			b.inVolume)
	}
}

// multiply computes the rows of one left panel for a block of outputs, tap by tap: weights are read once and stay near.
func (b *batched) multiply(i int, taps [][]contribution) {
	r0, r1 := b.left.rows(i)
	first, bias := tileStore, []float32(nil)
	if b.bias != nil {
		first, bias = tileBias, b.bias[r0:r1]
	}
	for t, tap := range taps {
		for ch := 0; ch < b.channels; ch += sumBlock {
			left, rows := b.left.at(i, ch*len(taps)+t), packedRows(b.width)[:min(sumBlock, b.channels-ch)]
			for _, e := range tap {
				mode := tileAdd
				if ch == 0 && e.first {
					mode = first
				}
				src, dst := b.src[(e.place*b.channels+ch)*b.width:], b.dst[(e.output*b.rows+r0)*b.width:]
				simd.tile(dst, b.width, left, len(taps)*simd.stride, src, rows, bias, r1-r0, b.width, mode)
			}
		}
	}
}

// store brings one row of results from panels to the planes of the images.
func (b *batched) store(row, image, images int, s *scratch) {
	planes := resize(&s.right, images*b.outVolume)
	for o := 0; o < b.outVolume; o += 16 {
		var rows [16]int
		for l := range rows {
			rows[l] = (min(o+l, b.outVolume-1)*b.rows + row) * b.width
		}
		transpose(planes[o:], b.outVolume, 0, b.dst, &rows, min(16, b.outVolume-o), images)
	}
	for i := range images {
		scatterSegments(b.correlation.dst[((image+i)*b.rows+row)*b.target:], planes[i*b.outVolume:], b.segments,
			b.axes[2].stride)
	}
}
