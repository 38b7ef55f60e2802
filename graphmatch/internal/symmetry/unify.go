package symmetry

// unify makes two axes that are combined element by element carry one order. An axis of length one is broadcast and
// imposes nothing; fixed or unknown order on one side freezes the other.
func unify(a, b axis) axis {
	out := axis{size: max(a.size, b.size)}
	if a.sym == b.sym && out.size == 0 {
		out.sym = a.sym
	}
	switch {
	case a.size == 1:
		return b
	case b.size == 1:
		return a
	case !a.free() && !b.free():
		return out
	case !a.free() || !b.free() || !unifySegments(a.segments, b.segments):
		a.freeze()
		b.freeze()
		return out
	}
	out.segments = a.segments
	return out
}

// unifySegments joins the sets of two axes segment by segment; false when they do not fit. Sets before the place that
// does not fit are joined then; whoever asked freezes them all.
func unifySegments(a, b []segment) bool {
	if len(a) != len(b) {
		return false
	}
	for i, s := range a {
		if !s.sameForm(b[i]) || !s.unify(b[i]) {
			return false
		}
	}
	return true
}

// sameForm tells whether two segments count positions in the same way, whatever their sets are.
func (s segment) sameForm(t segment) bool {
	return (s.set == nil) == (t.set == nil) && s.fixed == t.fixed && s.repeat == t.repeat &&
		s.counts == t.counts && s.batch == t.batch
}

// unify joins what two segments of the same form count; false when that cannot be.
func (s segment) unify(t segment) bool {
	switch {
	case len(s.interleaved) != len(t.interleaved):
		return false
	case s.interleaved != nil:
		for k := range s.interleaved {
			if !unifySegments(s.interleaved[k], t.interleaved[k]) {
				return false
			}
		}
	case s.set == nil:
	case s.counts == heads && s.set.root() != t.set.root():
		if s.set.root().Heads != t.set.root().Heads {
			return false
		}
		s.set.root().HeadOrder.join(t.set.root().HeadOrder)
	default:
		s.set.join(t.set)
	}
	return true
}
