package symmetry

import (
	"slices"
)

// cutOut is the piece of an axis of a length from a start. A segment that is cut has its set divided there.
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

// piece is the part of a segment from one position to another.
func (s segment) piece(from, to int) ([]segment, bool) {
	switch {
	case from == 0 && to == s.length():
		return []segment{s}, true
	case s.interleaved != nil:
		return s.interleavedPiece(from, to)
	case s.set == nil:
		return []segment{{fixed: to - from}}, true
	case !s.oncePerUnit():
		return nil, false
	}
	return s.set.piece(from, to)
}

// piece is the part of a set from one unit to another. The set is divided there unless it has parts already, which
// then must end there.
func (h *Set) piece(from, to int) (out []segment, ok bool) {
	set := h.root()
	if len(set.parts) == 0 && !set.split(cuts(set.Size, from, to)) {
		return nil, false
	}
	at := 0
	for _, p := range set.parts {
		size := p.root().Size
		first, last := max(from-at, 0), min(to-at, size)
		at += size
		if first >= last {
			continue
		}
		inner, ok := once(p).piece(first, last)
		if !ok {
			return nil, false
		}
		out = append(out, inner...)
	}
	return out, true
}

// interleavedPiece is the part of interleaved segments from one position to another: the one that the first position
// belongs to comes first.
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

// divided cuts an axis into equal consecutive groups, splitting its set if it is one.
func (a axis) divided(groups, size int) ([]axis, bool) {
	out := make([]axis, groups)
	if !a.free() {
		return out, true
	}
	if !a.whole() {
		return a.pieces(groups, size)
	}
	set := a.segments[0].set
	if !set.split(slices.Repeat([]int{size}, groups)) {
		return nil, false
	}
	for g, part := range set.root().parts {
		out[g] = axisOf(part, size)
	}
	return out, true
}

// pieces cuts an axis of several segments into equal consecutive groups.
func (a axis) pieces(groups, size int) ([]axis, bool) {
	out := make([]axis, groups)
	if a.extent() != groups*size {
		return nil, false
	}
	for g := range out {
		var ok bool
		if out[g], ok = a.cutOut(g*size, size); !ok {
			return nil, false
		}
	}
	return out, true
}
