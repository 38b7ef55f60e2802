package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// concat strings the orders of its inputs together.
func (t *tracer) concat(n *flow.Node) bool {
	at := int(flow.IntAttr(n.Proto, "axis", 0))
	first := t.input(n, 0)
	i := first.fromEnd(at)
	if i == 0 {
		return false
	}
	if out := t.concatStates(n, i); out != nil {
		return t.result(n, out)
	}
	for slot := range n.In {
		if t.input(n, slot).stack != nil {
			return false
		}
	}
	out := first.copy()
	joined, sized := axis{}, true
	for slot := range n.In {
		f := t.input(n, slot)
		a := f.at(i)
		if t.param(n, slot) != nil {
			a = axis{size: n.In[slot].Fixed.Shape[len(n.In[slot].Fixed.Shape)-i]}
		}
		if a.extent() == 0 {
			sized = false
		}
		runs := a.segments
		if len(runs) == 0 {
			runs = []segment{{fixed: a.extent()}}
		}
		joined.segments = append(joined.segments, runs...)
	}
	t.concatOthers(n, out, i)
	if len(joined.sets()) == 0 {
		joined.segments = nil
	} else if !sized || len(joined.segments) > maxRuns {
		joined.freeze()
		joined.segments = nil
	}
	if sized {
		joined.size = (axis{segments: joined.segments}).extent()
	}
	out.set(i, joined)
	return t.result(n, out)
}

// concatStates stacks the last states of several recurrent layers, nil when it is something else.
func (t *tracer) concatStates(n *flow.Node, i int) *layout {
	var forms []*layout
	for slot, in := range n.In {
		f := t.input(n, slot)
		switch {
		case in == nil || in.From == nil || gates[in.From.Op] == 0 || i != 3 || f.rank != 3:
			return nil
		case f.stack != nil:
			forms = append(forms, f.stack.layouts...)
		default:
			forms = append(forms, f)
		}
	}
	for _, f := range forms[1:] {
		if f.at(1).extent() != forms[0].at(1).extent() {
			return nil
		}
	}
	return stacked(forms, i)
}

// concatOthers makes the axes that a Concat leaves alone alike; parameters among its inputs (class
// tokens) follow the data.
func (t *tracer) concatOthers(n *flow.Node, out *layout, i int) {
	for k := 1; k <= max(out.rank, len(out.axes)); k++ {
		if k == i {
			continue
		}
		a, started := axis{}, false
		for slot := range n.In {
			if t.param(n, slot) != nil {
				continue
			}
			if b := t.input(n, slot).at(k); started {
				a = unify(a, b)
			} else {
				a, started = b, true
			}
		}
		out.set(k, a)
	}
	for slot := range n.In {
		if p := t.param(n, slot); p != nil {
			seen := make([]axis, len(p.C.Shape))
			for k := range seen {
				if fromEnd := len(seen) - k; fromEnd != i {
					seen[k] = out.at(fromEnd).sized(p.C.Shape[k])
				}
			}
			t.record(p, seen)
		}
	}
}

// sets are the sets along an axis.
func (a axis) sets() (list []*Set) {
	for _, s := range a.segments {
		for _, runs := range s.interleaved {
			list = append(list, axis{segments: runs}.sets()...)
		}
		if s.set != nil {
			list = append(list, s.set)
		}
	}
	return list
}

// split cuts an axis in pieces, dividing the sets along it.
func (t *tracer) split(n *flow.Node) bool {
	f := t.input(n, 0)
	i := f.fromEnd(int(flow.IntAttr(n.Proto, "axis", 0)))
	if i == 0 {
		return false
	}
	if f.stack != nil {
		return i == f.stack.at && len(n.Out) == len(f.stack.layouts) && t.unstack(n, f)
	}
	a := f.at(i)
	total := a.extent()
	pieces, ok := t.Graph.Numbers(n, "split")
	if !ok && (len(n.Out) == 0 || total%len(n.Out) != 0) {
		return false
	}
	start := 0
	for k, out := range n.Out {
		length := total / len(n.Out)
		if ok && k < len(pieces) {
			length = int(pieces[k])
		}
		g := f.copy()
		part, fits := a.cutOut(start, length)
		if !fits {
			return false
		}
		g.set(i, part)
		t.layouts[out] = g
		start += length
	}
	return true
}

// unstack follows a Split into single positions of a stack.
func (t *tracer) unstack(n *flow.Node, f *layout) bool {
	pieces, given := t.Graph.Numbers(n, "split")
	if given && slices.ContainsFunc(pieces, func(p int64) bool { return p != 1 }) {
		return false
	}
	for k, out := range n.Out {
		t.layouts[out] = f.stack.layouts[k]
	}
	return true
}

// slice cuts a piece out of axes, with constant bounds and step one along those in free order.
func (t *tracer) slice(n *flow.Node) bool {
	f := t.input(n, 0).copy()
	starts, ends, ok := t.bounds(n)
	axes := flow.IntsAttr(n.Proto, "axes")
	if len(n.In) > 3 {
		axes = nil
		for _, x := range t.numbers(n.In[3]) {
			if !x.known {
				return false
			}
			axes = append(axes, int64(x.n))
		}
	}
	if axes == nil {
		return false
	}
	for k, at := range axes {
		i := f.fromEnd(int(at))
		if i == 0 {
			return false
		}
		if !ok || k >= len(starts) || k >= len(ends) {
			f.at(i).freeze()
			f.set(i, axis{})
			continue
		}
		f.set(i, f.at(i).sliced(starts[k], ends[k]))
	}
	return t.result(n, f)
}

// sliced is the piece of an axis between two bounds as Slice counts them. Where it cannot be cut there, its
// order is fixed.
func (a axis) sliced(start, end int) axis {
	size := a.extent()
	if size == 0 {
		a.freeze()
		return axis{}
	}
	from := bound(int64(start), size)
	to := max(from, bound(int64(end), size))
	if part, fits := a.cutOut(from, to-from); fits {
		return part
	}
	a.freeze()
	return axis{size: to - from}
}

// bound is a Slice bound as a position between 0 and n.
func bound(x int64, n int) int {
	if x < 0 {
		x += int64(n)
	}
	return int(min(max(x, 0), int64(n)))
}

// cutOut is the piece of an axis of a length from a start. A run that is cut has its set divided there.
func (a axis) cutOut(start, length int) (axis, bool) {
	if len(a.segments) == 0 {
		return axis{size: length}, true
	}
	if a.extent() == 0 || length <= 0 {
		return axis{}, false
	}
	out := axis{size: length}
	at := 0
	for _, s := range a.segments {
		n := s.length()
		from, to := max(start-at, 0), min(start+length-at, n)
		at += n
		if from >= to {
			if len(s.sizes()) == 0 && s.set != nil {
				return axis{}, false
			}
			continue
		}
		piece, ok := s.piece(from, to)
		if !ok {
			return axis{}, false
		}
		out.segments = append(out.segments, piece...)
	}
	return out, true
}

// sizes are the lengths of the independent parts of a run.
func (s segment) sizes() []int {
	if s.set == nil {
		return nil
	}
	return sizes(s.set.leaves())
}

// piece is the part of a run from one position to another.
func (s segment) piece(from, to int) ([]segment, bool) {
	n := s.length()
	if from == 0 && to == n {
		return []segment{s}, true
	}
	if s.interleaved != nil {
		return s.interleavedPiece(from, to)
	}
	if s.set == nil {
		return []segment{{fixed: to - from}}, true
	}
	if s.repeat != 1 || s.grain != entire {
		return nil, false
	}
	set := s.set.root()
	if len(set.parts) == 0 && !set.split(cuts(n, from, to)) {
		return nil, false
	}
	var out []segment
	at := 0
	for _, p := range set.parts {
		size := p.root().Size
		if at >= from && at+size <= to {
			out = append(out, segment{set: p, repeat: 1})
		} else if at < to && at+size > from {
			inner, ok := (segment{set: p, repeat: 1}).piece(max(from-at, 0), min(to-at, size))
			if !ok {
				return nil, false
			}
			out = append(out, inner...)
		}
		at += size
	}
	return out, true
}

// interleavedPiece is the part of woven runs from one position to another: the run that the first position belongs to
// comes first.
func (s segment) interleavedPiece(from, to int) ([]segment, bool) {
	count := len(s.interleaved)
	out := segment{}
	for i := range min(count, to-from) {
		k := (from + i) % count
		first, last := (from-k+count-1)/count, (to-k+count-1)/count
		part, ok := axis{segments: s.interleaved[k]}.cutOut(first, last-first)
		if !ok {
			return nil, false
		}
		out.interleaved = append(out.interleaved, part.segments)
	}
	if len(out.interleaved) < count { // one position of each
		return slices.Concat(out.interleaved...), true
	}
	return []segment{out}, true
}

// cuts are the lengths that cutting a run of n at two positions leaves.
func cuts(n, from, to int) (list []int) {
	for _, size := range []int{from, to - from, n - to} {
		if size > 0 {
			list = append(list, size)
		}
	}
	return list
}
