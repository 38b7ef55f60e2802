package symmetry

import (
	"slices"
)

// Span is a set along an axis.
type Span struct {
	Set, Start, N int
	Repeat        int // positions of a unit, one after another
	Stride        int // from one unit to the next
}

// Spans lists the runs of sets along an axis that may be reordered.
func (a axis) Spans() []Span { return appendSpans(nil, a.segments, 0, 1) }

// appendSpans appends the runs of segments whose positions are start, start+stride and so on.
func appendSpans(list []Span, runs []segment, start, stride int) []Span {
	for _, s := range runs {
		next := start + s.length()*stride
		for k, woven := range s.interleaved {
			list = appendSpans(list, woven, start+k*stride, stride*len(s.interleaved))
		}
		if s.set != nil {
			for _, h := range s.set.leaves() {
				if h.movable() && s.grain == entire {
					list = append(list, Span{Set: h.number, Start: start, N: h.Size, Repeat: s.repeat, Stride: stride * s.repeat})
				}
				start += h.Size * s.repeat * stride
			}
		}
		start = next
	}
	return list
}

// Movable tells whether any of a face's axes counts units that may be reordered.
func (f *Block) Movable() bool {
	return slices.ContainsFunc(f.Axes, func(a axis) bool { return len(a.Spans()) > 0 })
}

// Size is the number of a face's elements.
func (f *Block) Size() int {
	n := 1
	for _, d := range f.Shape {
		n *= d
	}
	return n
}
