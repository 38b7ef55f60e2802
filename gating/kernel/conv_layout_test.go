package kernel

import "testing"

// The layouts into which convolutions bring their operands, each against what it promises to hold.

// sourceAt is the element of a plane that output o reads by these shifts, zero outside.
func sourceAt(axes *[3]axis, plane []float32, o, shift [3]int) float32 {
	at := 0
	for d, a := range axes {
		i := o[d]*a.step + shift[d]
		if i < 0 || i >= a.in {
			return 0
		}
		at = at*a.in + i
	}
	return plane[at]
}

// eachOutput visits the outputs of a box.
func eachOutput(b *box, visit func(o [3]int)) {
	for i := b[0].lo; i < b[0].hi; i++ {
		for j := b[1].lo; j < b[1].hi; j++ {
			for k := b[2].lo; k < b[2].hi; k++ {
				visit([3]int{i, j, k})
			}
		}
	}
}

// TestPaddedHoldsWhatIsRead fills a padded plane and looks up every tap of every output of a box.
func TestPaddedHoldsWhatIsRead(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(31)
		for range 300 {
			c := randomConv(r)
			axes := c.forwardAxes()
			if volume(c.OutDims()) == 0 {
				continue
			}
			b := randomBox(r, &axes)
			view, plane := newPadded(&axes, b), randoms(r, volume(c.In))
			dst := newGuarded(r, view.plane)
			clear(dst.slice())
			view.fill(dst.slice(), plane)
			dst.check(t, "padded")
			eachTap(&axes, func(_, shift [3]int) {
				base := view.tap(shift, &b)
				eachOutput(&b, func(o [3]int) {
					at := base
					for d := range o {
						at += (o[d] - b[d].lo) * view.inner[d]
					}
					if got, want := dst.slice()[at], sourceAt(&axes, plane, o, shift); got != want {
						t.Fatalf("%+v, box %v: output %v by shift %v reads %g, want %g", *c, b, o, shift, got, want)
					}
				})
			})
		}
	})
}

// TestViewReadsTheSourceItself looks for the same in a source that needs no padding.
func TestViewReadsTheSourceItself(t *testing.T) {
	r := newRand(32)
	whole := 0
	for range 400 {
		c := randomConv(r)
		axes := c.forwardAxes()
		if volume(c.OutDims()) == 0 {
			continue
		}
		b := randomBox(r, &axes)
		view, plane := newView(&axes, b), randoms(r, volume(c.In))
		if !view.whole {
			continue
		}
		whole++
		eachTap(&axes, func(_, shift [3]int) {
			base := view.tap(shift, &b)
			eachOutput(&b, func(o [3]int) {
				at := base
				for d := range o {
					at += (o[d] - b[d].lo) * view.inner[d]
				}
				if got, want := plane[at], sourceAt(&axes, plane, o, shift); got != want {
					t.Fatalf("%+v, box %v: output %v by shift %v reads %g, want %g", *c, b, o, shift, got, want)
				}
			})
		})
	}
	if whole < 10 {
		t.Errorf("only %d sources served as they are", whole)
	}
}

// TestChannelsLastHoldsWhatIsRead does the same for pixels whose channels lie side by side.
func TestChannelsLastHoldsWhatIsRead(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(33)
		for range 200 {
			c := randomConv(r)
			axes, channels := c.forwardAxes(), []int{1, 3, 16, 17, 64}[r.IntN(5)]
			if volume(c.OutDims()) == 0 {
				continue
			}
			b := randomBox(r, &axes)
			p, in := newChannelsLast(&axes, b, channels), volume(c.In)
			planes, dst := randoms(r, channels*in), newGuarded(r, p.image)
			row := p.size[2] * p.next
			for i := range p.size[0] * p.size[1] {
				p.fillRow(dst.slice()[i*row:], planes, i)
			}
			dst.check(t, "channels last")
			cols, tap := p.columns(&b, nil), 0
			eachTap(&axes, func(_, shift [3]int) {
				eachOutput(&b, func(o [3]int) {
					at := 0
					for d := range o {
						at += (o[d] - b[d].lo) * p.step[d]
					}
					for ch := range channels {
						got := dst.slice()[at+cols[tap*channels+ch]]
						if want := sourceAt(&axes, planes[ch*in:], o, shift); got != want {
							t.Fatalf("%+v, box %v: channel %d of output %v by %v is %g, want %g", *c, b, ch, o,
								shift, got, want)
						}
					}
				})
				tap++
			})
		}
	})
}

// TestPhasesCoverTheInputOnce checks the cutting of an input gradient by strides: the phases write every element of dx
// once, and together they have every product of the forward pass once.
func TestPhasesCoverTheInputOnce(t *testing.T) {
	r := newRand(34)
	for range 200 {
		c := randomConv(r)
		written, products := make([]int, volume(c.In)), 0
		c.eachPhase(func(axes [3]axis) {
			all := split(&axes, 0, 1)
			eachOutput(&all, func(o [3]int) {
				at := 0
				for d, a := range axes {
					at = at*a.target + a.first + o[d]*a.stride
				}
				written[at]++
				n := 1
				for d := range axes {
					inside := 0
					for tap := range axes[d].shift {
						if axes[d].reaches(o[d], tap) {
							inside++
						}
					}
					n *= inside
				}
				products += n
			})
		})
		for i, n := range written {
			if n != 1 {
				t.Fatalf("%+v: element %d of dx is written %d times", *c, i, n)
			}
		}
		want := 0
		c.eachProduct(func(_, _, _ int) { want++ })
		if per := c.Batch * c.OutChannels * c.InChannels / c.Groups; products*per != want {
			t.Fatalf("%+v: %d products, want %d", *c, products*per, want)
		}
	}
}

// TestSplitCoversAllOutputs joins the boxes again.
func TestSplitCoversAllOutputs(t *testing.T) {
	r := newRand(35)
	for range 100 {
		axes := randomConv(r).forwardAxes()
		all := split(&axes, 0, 1)
		if all.volume() == 0 {
			continue
		}
		for n := 1; n <= parts(&axes); n++ {
			seen := map[[3]int]int{}
			for i := range n {
				b := split(&axes, i, n)
				eachOutput(&b, func(o [3]int) { seen[o]++ })
			}
			if len(seen) != all.volume() {
				t.Fatalf("%d boxes have %d outputs, want %d", n, len(seen), all.volume())
			}
		}
	}
}

// TestBatchingLeavesOutPaddingOnly counts the products that a batched convolution sums.
func TestBatchingLeavesOutPaddingOnly(t *testing.T) {
	batched := 0
	for _, size := range []int{2, 3, 4, 6, 12, 20} {
		c := square(16, 4, 4, 1, size, 3, 1)
		job := correlation{batch: 16, groups: 1, channels: 4, rows: 4, axes: c.forwardAxes(), src: make([]float32, 1)}
		if !job.measure(nil) {
			t.Fatal("nothing to compute")
		}
		if job.worthBatching() {
			batched++
		}
		sums, first := 0, make([]int, job.outVolume)
		for _, tap := range job.tapsOf(0, job.outVolume) {
			for _, e := range tap {
				sums++
				if e.first {
					first[e.output]++
				}
			}
		}
		want := (3*size - 2) * (3*size - 2)
		if sums != want {
			t.Errorf("planes of %d×%d: %d products, want %d", size, size, sums, want)
		}
		for o, n := range first {
			if n != 1 {
				t.Errorf("planes of %d×%d: output %d begins %d times", size, size, o, n)
			}
		}
	}
	if batched == 0 || batched == 6 {
		t.Error("small planes are batched and large ones are not: one of the two was not seen")
	}
}

// TestDepthwiseRuns checks that the rows of several padded planes do not meet.
func TestDepthwiseRuns(t *testing.T) {
	r := newRand(36)
	for range 100 {
		c := randomConv(r)
		axes := c.forwardAxes()
		if volume(c.OutDims()) == 0 {
			continue
		}
		d := newDepthwise(&axes, 5, 1)
		written := make([]int, volume(c.OutDims()))
		for _, s := range d.runs(&axes) {
			if s.from+s.n > d.reach {
				t.Fatalf("%+v: run %v goes past the last output at %d", *c, s, d.reach)
			}
			for i := range s.n {
				written[s.to+i]++
			}
		}
		for i, n := range written {
			if n != 1 {
				t.Fatalf("%+v: output %d is written %d times", *c, i, n)
			}
		}
		if n := d.length(d.images, 1); n%block != 0 || n < d.reach {
			t.Fatalf("%+v: %d places for outputs up to %d", *c, n, d.reach)
		}
	}
}
