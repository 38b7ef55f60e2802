package graphmatch

import "slices"

// run is a set along an axis.
type run struct {
	set, start, n int
	repeat        int // positions of a unit, one after another
	stride        int // from one unit to the next
}

// resolved lists the runs of sets along an axis that may be reordered.
func (a axis) resolved() []run { return resolveRuns(nil, a.runs, 0, 1) }

// resolveRuns appends the runs of segments whose positions are start, start+stride and so on.
func resolveRuns(list []run, runs []segment, start, stride int) []run {
	for _, s := range runs {
		next := start + s.length()*stride
		for k, woven := range s.weave {
			list = resolveRuns(list, woven, start+k*stride, stride*len(s.weave))
		}
		if s.set != nil {
			for _, h := range s.set.leaves() {
				if h.movable() && s.grain == entire {
					list = append(list, run{set: h.number, start: start, n: h.size, repeat: s.repeat, stride: stride * s.repeat})
				}
				start += h.size * s.repeat * stride
			}
		}
		start = next
	}
	return list
}

// moves tells whether any of a face's axes counts units that may be reordered.
func (f *face) moves() bool {
	return slices.ContainsFunc(f.axes, func(a axis) bool { return len(a.resolved()) > 0 })
}

// size is the number of a face's elements.
func (f *face) size() int {
	n := 1
	for _, d := range f.shape {
		n *= d
	}
	return n
}
