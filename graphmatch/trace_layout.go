package graphmatch

// gather follows a table lookup, whose columns are hidden units, and the choice of fixed positions along
// an axis in fixed order.
func (t *tracer) gather(n *node) bool {
	p, index := t.param(n, 0), t.input(n, 1)
	at := int(intAttr(n.proto, "axis", 0))
	if p != nil {
		if at != 0 || len(p.c.shape) != 2 {
			return false
		}
		columns := t.newSet(n, p.c.shape[1], 1)
		t.face(p, []axis{{}, columns})
		f := &form{rank: -1, axes: []axis{columns}}
		if index.rank >= 0 {
			f.rank = index.rank + 1
		}
		return t.result(n, f)
	}
	f := t.input(n, 0)
	i := f.fromEnd(at)
	if f.stack != nil {
		which, ok := (&builder{flow: t.flow}).numbers(n, "")
		if !ok || i != f.stack.at || i == 1 || index.rank != 0 || len(which) != 1 || which[0] < -int64(len(f.stack.last)) || which[0] >= int64(len(f.stack.last)) {
			return false
		}
		return t.result(n, f.pick(int(which[0]+int64(len(f.stack.last)))%len(f.stack.last)))
	}
	if i == 0 || index.rank < 0 || f.rank < 0 || len(f.at(i).runs) > 0 {
		return false
	}
	out := ranked(f.rank - 1 + index.rank)
	for k := 1; k <= f.rank; k++ {
		switch {
		case k < i:
			out.set(k, f.at(k))
		case k > i:
			out.set(k-1+index.rank, f.at(k))
		}
	}
	return t.result(n, out)
}

// flatten follows Flatten at axis 1: channels become runs of positions, one per pixel.
func (t *tracer) flatten(n *node) bool {
	f := t.input(n, 0)
	if f.rank < 1 || intAttr(n.proto, "axis", 1) != 1 {
		return false
	}
	return t.result(n, f.flattened())
}

// flattened merges all axes but the first. Only the outermost of them may be in free order.
func (f *form) flattened() *form {
	out := ranked(2)
	out.set(2, f.at(f.rank))
	inner, known := 1, true
	for i := 1; i < f.rank-1; i++ {
		f.at(i).freeze()
		inner *= f.at(i).size
		known = known && f.at(i).size > 0
	}
	if f.rank < 2 {
		return out
	}
	a := f.at(f.rank - 1)
	if !known {
		inner = 0
	}
	out.set(1, a.spread(inner))
	return out
}

// spread repeats every position of an axis, 0 meaning a number not known yet.
func (a axis) spread(times int) axis {
	if times == 1 {
		return a
	}
	out := axis{size: a.size * times}
	for _, s := range a.runs {
		if s.grain != entire || times == 0 && len(a.runs) > 1 {
			a.freeze()
			return axis{size: a.size * times}
		}
		s.repeat *= times
		s.fixed *= times
		out.runs = append(out.runs, s)
	}
	return out
}

// reshape follows what networks use Reshape for: flattening feature maps, and cutting hidden units into
// attention heads and back.
func (t *tracer) reshape(n *node) bool {
	f := t.input(n, 0)
	if len(n.in) < 2 {
		return false
	}
	dims := t.dims(n.in[1])
	switch {
	case dims == nil:
		return false
	case f.stack != nil:
		units := f.stack.strung()
		if f.stack.at != 2 || f.rank != len(dims)+1 || dims[len(dims)-1] > 0 && dims[len(dims)-1] != units.size {
			return false
		}
		return t.result(n, shapedLike(dims, units))
	case len(f.free()) == 0:
		return t.result(n, shaped(dims))
	case len(dims) == 2 && f.rank > 2 && len(f.free()) == 1 && f.free()[0] == f.rank-1:
		return t.result(n, f.flattened().resized(dims))
	case len(dims) == 3 && f.rank > 3 && len(f.free()) == 1 && f.free()[0] == f.rank-1 && dims[1] == f.at(f.rank-1).extent():
		out := shaped(dims)
		out.set(2, f.at(f.rank-1))
		return t.result(n, out)
	case onlyLast(f.free()) && dims[len(dims)-1] == f.at(1).extent():
		return t.result(n, shapedLike(dims, f.at(1)))
	case f.rank == len(dims)+1:
		return t.joinHeads(n, f, dims)
	case f.rank == len(dims) && onlyLast(f.free()) && (dims[len(dims)-1] <= 0 || dims[len(dims)-1] == f.at(1).extent()):
		return t.result(n, shapedLike(dims, f.at(1)))
	case f.rank == len(dims)-1 || f.rank < 0 && len(dims) > 2:
		return t.cutHeads(n, f, dims)
	}
	return false
}

// shapedLike is the form of a given shape with a known last axis.
func shapedLike(dims []int, last axis) *form {
	out := shaped(dims)
	out.set(1, last)
	return out
}

// onlyLast tells whether the last axis is the only one in free order.
func onlyLast(free []int) bool { return len(free) == 1 && free[0] == 1 }

// free lists the axes in free order, counted from the end.
func (f *form) free() (list []int) {
	for i := 1; i <= len(f.axes); i++ {
		if len(f.at(i).runs) > 0 {
			list = append(list, i)
		}
	}
	return list
}

// shaped is the form of an array in fixed order; dims of 0 or less are not known.
func shaped(dims []int) *form {
	f := ranked(len(dims))
	for i, d := range dims {
		f.axes[i].size = max(0, d)
	}
	return f
}

// resized fills in sizes that a Reshape gives.
func (f *form) resized(dims []int) *form {
	for i, d := range dims {
		if d > 0 {
			f.set(len(dims)-i, f.at(len(dims)-i).sized(d))
		}
	}
	return f
}

// cutHeads follows [..., units] to [..., heads, units within a head].
func (t *tracer) cutHeads(n *node, f *form, dims []int) bool {
	a, heads, within := f.at(1), dims[len(dims)-2], dims[len(dims)-1]
	if len(f.free()) != 1 || len(a.runs) != 1 || a.runs[0].set == nil || a.runs[0].repeat != 1 || a.runs[0].grain != entire {
		return false
	}
	set := a.runs[0].set
	if heads <= 0 || within > 0 && heads*within != set.root().size || len(set.root().parts) > 0 || !set.cut(heads) {
		return false
	}
	out := shaped(dims)
	out.set(2, axis{size: heads, runs: []segment{{set: set, repeat: 1, grain: outer}}})
	out.set(1, axis{size: set.root().size / heads, runs: []segment{{set: set, repeat: 1, grain: inside}}})
	return t.result(n, out)
}

// joinHeads follows [..., heads, units within a head] to [..., units]. The heads' order may have been
// joined with that of another set on the way.
func (t *tracer) joinHeads(n *node, f *form, dims []int) bool {
	a, b := f.at(2), f.at(1)
	if len(f.free()) != 2 || len(a.runs) != 1 || len(b.runs) != 1 || a.runs[0].grain != outer || b.runs[0].grain != inside {
		return false
	}
	set := b.runs[0].set.root()
	if a.runs[0].set.root().block.root() != set.block.root() {
		return false
	}
	return t.result(n, shapedLike(dims, axis{size: set.size, runs: []segment{{set: set, repeat: 1}}}))
}

// transpose moves axes.
func (t *tracer) transpose(n *node) bool {
	f, perm := t.input(n, 0), intsAttr(n.proto, "perm")
	if perm == nil && f.rank < 0 {
		return false
	}
	if perm == nil {
		for i := f.rank - 1; i >= 0; i-- {
			perm = append(perm, int64(i))
		}
	}
	out := ranked(len(perm))
	for i, p := range perm {
		if p < 0 || int(p) >= len(perm) {
			return false
		}
		out.axes[i] = f.at(len(perm) - int(p))
		if f.stack != nil && len(perm)-int(p) == f.stack.at {
			out.stack = &stack{at: len(perm) - i, last: f.stack.last}
		}
	}
	if f.stack != nil && (out.stack == nil || int(perm[len(perm)-1]) != len(perm)-1) {
		return false
	}
	return t.result(n, out)
}

// squeeze drops axes of length one.
func (t *tracer) squeeze(n *node) bool {
	f := t.input(n, 0)
	axes, ok := (&builder{flow: t.flow}).numbers(n, "axes")
	if !ok || f.rank < 0 {
		return false
	}
	drop := map[int]bool{}
	for _, a := range axes {
		drop[f.fromEnd(int(a))] = true
	}
	out := &form{rank: f.rank - len(axes)}
	next := 0
	for i := 1; i <= f.rank; i++ {
		if !drop[i] {
			next++
			out.set(next, f.at(i))
		}
	}
	return !drop[0] && t.result(n, out)
}

// unsqueeze adds axes of length one.
func (t *tracer) unsqueeze(n *node) bool {
	f := t.input(n, 0)
	axes, ok := (&builder{flow: t.flow}).numbers(n, "axes")
	if !ok || f.rank < 0 {
		return false
	}
	out := ranked(f.rank + len(axes))
	added := map[int]bool{}
	for _, a := range axes {
		i := out.fromEnd(int(a))
		if i < 1 || i > out.rank {
			return false
		}
		added[i] = true
	}
	from := 0
	for i := 1; i <= out.rank; i++ {
		if added[i] {
			out.set(i, axis{size: 1})
			continue
		}
		from++
		out.set(i, f.at(from))
	}
	return t.result(n, out)
}
