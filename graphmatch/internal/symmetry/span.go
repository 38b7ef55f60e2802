package symmetry

// Span is a set along an axis.
type Span struct {
	Set, Start, N int
	Repeat        int // positions of a unit, one after another
	Stride        int // from one unit to the next
}

// spans lists the sets along an axis that may be reordered.
func (a axis) spans() []Span { return appendSpans(nil, a.segments, 0, 1) }

// appendSpans appends the spans of segments whose positions are start, start+stride and so on.
func appendSpans(list []Span, segments []segment, start, stride int) []Span {
	for _, s := range segments {
		next := start + s.length()*stride
		for k, part := range s.interleaved {
			list = appendSpans(list, part, start+k*stride, stride*len(s.interleaved))
		}
		if s.set != nil {
			for _, h := range s.set.leaves() {
				if h.movable() && s.counts == units {
					span := Span{Set: h.number, Start: start, N: h.Size, Repeat: s.repeat, Stride: stride * s.repeat}
					list = append(list, span)
				}
				start += h.Size * s.repeat * stride
			}
		}
		start = next
	}
	return list
}
