package symmetry

// locate finds the region of a Reshape that holds all axes in free order: those in front of it are in fixed order, or
// stay as they are. Either lengths agree one by one from the front, or a number of last axes holds as many elements as
// a number of last axes wanted.
func (f *layout) locate(want []number) (*region, bool) {
	first := f.firstFree()
	k := 0
	for k < min(f.rank, len(want)) && want[k].same(f.at(f.rank-k).length()) && !(f.stack != nil && k >= first) {
		k++
	}
	if k >= first {
		return f.region(f.between(0, k), k, want[k:]), true
	}
	q, ok := f.suffix(first, want)
	if !ok {
		return nil, false
	}
	return f.region(shaped(want[:q]).axes, first, want[q:]), true
}

// firstFree is the number of axes before the first that is in free order or that a stack lies along.
func (f *layout) firstFree() int {
	for i := range f.rank {
		if f.at(f.rank-i).free() || f.stack != nil && f.rank-i == f.stack.at {
			return i
		}
	}
	return f.rank
}

// suffix finds the wanted axis from which on there are as many elements as in the axes from first on.
func (f *layout) suffix(first int, want []number) (int, bool) {
	total := product(f.between(first, f.rank))
	count := exactly(1)
	for q := len(want); total.known; q-- {
		if count.same(total) {
			for q > 0 && want[q-1].same(exactly(1)) && len(want)-q < f.rank-first {
				q--
			}
			return q, true
		}
		if q == 0 {
			break
		}
		count = count.times(want[q-1])
	}
	return 0, false
}

// region is what remains of the axes from one on once equal last axes are left out.
func (f *layout) region(front []axis, from int, want []number) *region {
	r := &region{stack: f.stack, front: front, in: f.between(from, f.rank), want: want}
	for len(r.in) > 0 && len(r.want) > 0 && f.stack == nil {
		last, x := r.in[len(r.in)-1], r.want[len(r.want)-1]
		if !x.same(last.length()) {
			break
		}
		r.back = append([]axis{last}, r.back...)
		r.in, r.want = r.in[:len(r.in)-1], r.want[:len(r.want)-1]
	}
	return r
}
