package symmetry

// axis is one axis of an array.
type axis struct {
	size     int       // 0 when not known
	sym      int       // stands for the length when it is not known; equal symbols are equal lengths, 0 is none
	segments []segment // nil when the order is fixed
}

// maxSegments bounds the segments along an axis: a file of few nodes can string any number of them together.
const maxSegments = 1 << 14

// segment is a run of consecutive positions along an axis: each unit of a set repeated (a flattened feature map has
// one position per pixel), or positions in a fixed order.
type segment struct {
	set    *Set
	repeat int        // positions per unit; 0 when not known yet
	fixed  int        // positions in a fixed order, when set is nil
	counts coordinate // of the set: its units, its heads, or the units within a head
	batch  bool       // of heads: the axis counts batches of heads, heads the faster
	// interleaved, if not nil, are lists of segments that take turns: position p is position p/len(interleaved) of
	// interleaved[p%len(interleaved)], as shuffled channels are. The other fields are empty then.
	interleaved [][]segment
}

// coordinate says what of a set an axis counts.
type coordinate int

const (
	units  coordinate = iota // the units of the whole set
	heads                    // which head
	inHead                   // which unit within a head
)

// once is a segment of the units of a set, one position each.
func once(set *Set) segment { return segment{set: set, repeat: 1} }

// axisOf is an axis that counts the units of a set.
func axisOf(set *Set, size int) axis { return axis{size: size, segments: []segment{once(set)}} }

// freeze fixes the order along an axis: of units, of heads, of what is within them.
func (a axis) freeze() { freezeAll(a.segments) }

func freezeAll(list []segment) {
	for _, s := range list {
		s.freeze()
	}
}

// freeze fixes the order of a segment.
func (s segment) freeze() {
	for _, part := range s.interleaved {
		freezeAll(part)
	}
	switch {
	case s.set == nil:
	case s.counts == heads:
		s.set.root().HeadOrder.Root().Frozen = true
	case s.counts == inHead:
		s.set.root().Rigid = true
	default:
		s.set.freeze()
	}
}

// length is the number of positions of a segment, 0 when not known.
func (s segment) length() int {
	switch {
	case s.interleaved != nil:
		total := 0
		for _, part := range s.interleaved {
			total += lengthOf(part)
		}
		return total
	case s.set == nil:
		return s.fixed
	case s.batch:
		return 0
	case s.counts == heads:
		return s.set.root().Heads
	case s.counts == inHead:
		return s.set.root().Size / s.set.root().Heads
	}
	return s.set.root().Size * s.repeat
}

// lengthOf is the number of positions of segments, 0 when one of them is not known.
func lengthOf(list []segment) int {
	total := 0
	for _, s := range list {
		if s.length() == 0 {
			return 0
		}
		total += s.length()
	}
	return total
}

// extent is the number of positions along an axis as far as its segments say, 0 when they do not.
func (a axis) extent() int {
	if a.size > 0 {
		return a.size
	}
	return lengthOf(a.segments)
}

// length is an axis' number of positions.
func (a axis) length() number {
	if n := a.extent(); n > 0 {
		return exactly(n)
	}
	return number{factor: 1, sym: a.sym}
}

// free tells whether the order along an axis is not fixed.
func (a axis) free() bool { return len(a.segments) > 0 }

// whole tells whether an axis counts the units of one set, once each.
func (a axis) whole() bool {
	return len(a.segments) == 1 && a.segments[0].set != nil && a.segments[0].oncePerUnit()
}

// oncePerUnit tells whether a segment has one position per unit, or counts none of any set.
func (s segment) oncePerUnit() bool {
	return s.counts == units && (s.set == nil || s.repeat == 1)
}

// sized fills in what the number of positions says about segments that were not known, and freezes the axis if it
// contradicts them.
func (a axis) sized(n int) axis {
	if len(a.segments) == 1 && a.segments[0].set != nil && a.segments[0].counts == units {
		s := a.segments[0]
		if size := s.set.root().Size; s.repeat == 0 && n%size == 0 {
			s.repeat = n / size
			return axis{size: n, segments: []segment{s}}
		}
	}
	if total := lengthOf(a.segments); a.free() && total != n && (total > 0 || !a.batched()) {
		a.freeze()
		return axis{size: n}
	}
	a.size = n
	return a
}

// batched tells whether an axis counts batches of heads.
func (a axis) batched() bool { return len(a.segments) == 1 && a.segments[0].batch }

// sets are the sets along an axis.
func (a axis) sets() []*Set { return setsOf(nil, a.segments) }

func setsOf(list []*Set, segments []segment) []*Set {
	for _, s := range segments {
		for _, part := range s.interleaved {
			list = setsOf(list, part)
		}
		if s.set != nil {
			list = append(list, s.set)
		}
	}
	return list
}
