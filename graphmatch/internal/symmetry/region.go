package symmetry

import (
	"slices"
)

// follow says what the wanted axes of a region count; false when it is nothing that is known.
func (r *region) follow() bool {
	if r.stack != nil {
		return r.concat()
	}
	r.out = shaped(r.want).axes
	in, at, want := r.withoutOnes()
	free := slices.IndexFunc(in, func(a axis) bool { return len(a.segments) > 0 })
	switch {
	case free < 0:
		return true
	case len(in) == len(want) && sameLengths(in, want):
		for i, a := range in {
			r.out[at[i]] = a
		}
		return true
	case len(want) == 1 && free == 0 && !slices.ContainsFunc(in[1:], func(a axis) bool { return len(a.segments) > 0 }):
		r.out[at[0]] = flattenedAxis(in, want[0])
		return true
	case len(want) == 1 && len(in) == 2 && free == 1 && in[0].extent() > 0 && in[0].extent() <= maxRuns && in[1].whole():
		r.out[at[0]] = in[1].tiled(in[0].extent())
		return true
	case len(in) == 1 && len(want) == 2:
		return r.cutHeads(in[0], want, at)
	case len(in) == 1 && len(want) == 3:
		return r.stackHeads(in[0], want, at)
	}
	return false
}

// withoutOnes are the region's axes that are not of length one, and where the wanted ones among them are.
func (r *region) withoutOnes() (in []axis, at []int, want []number) {
	for _, a := range r.in {
		if a.size != 1 || len(a.segments) > 0 {
			in = append(in, a)
		}
	}
	for i, x := range r.want {
		if !x.known || x.n != 1 {
			at, want = append(at, i), append(want, x)
		}
	}
	return in, at, want
}

func sameLengths(in []axis, want []number) bool {
	return slices.EqualFunc(in, want, func(a axis, x number) bool { return x.same(a.length()) })
}

// flattenedAxis merges an axis in free order with those in fixed order behind it.
func flattenedAxis(in []axis, want number) axis {
	inner := exactly(1)
	for _, a := range in[1:] {
		inner = inner.times(a.length())
	}
	times := 0
	if inner.known {
		times = inner.n
	}
	out := in[0].repeatEach(times)
	if want.known && len(out.segments) > 0 {
		return out.sized(want.n)
	}
	return out
}

// tiled is an axis that counts all units again and again.
func (a axis) tiled(times int) axis {
	out := axis{size: a.extent() * times}
	for range times {
		out.segments = append(out.segments, a.segments...)
	}
	return out
}

// cutHeads follows units to [heads, units within a head].
func (r *region) cutHeads(a axis, want []number, at []int) bool {
	heads, within := want[0], want[1]
	if !heads.known || !a.whole() || !a.segments[0].set.cut(heads.n) {
		return false
	}
	set := a.segments[0].set
	size := set.root().Size / heads.n
	if within.known && within.n != size {
		return false
	}
	r.out[at[0]] = axis{size: heads.n, segments: []segment{{set: set, repeat: 1, grain: outer}}}
	r.out[at[1]] = axis{size: size, segments: []segment{{set: set, repeat: 1, grain: inside}}}
	return true
}

// stackHeads follows units to [parts, heads, units within a head]: queries, keys and values made by one
// layer. Each part is a set of heads of its own.
func (r *region) stackHeads(a axis, want []number, at []int) bool {
	if slices.ContainsFunc(want, func(x number) bool { return !x.known || x.n < 1 }) || !want[0].times(want[1]).times(want[2]).same(a.length()) {
		return false
	}
	parts, heads, within := want[0].n, want[1].n, want[2].n
	pieces, ok := a.divided(parts, heads*within)
	if !ok || len(a.segments) == 0 {
		return false
	}
	s := &stack{at: len(r.out) - at[0]}
	for _, p := range pieces {
		if len(p.segments) != 1 || !p.segments[0].set.cut(heads) {
			return false
		}
		axes := slices.Clone(r.out)
		axes[at[0]].size = 1
		axes[at[1]].segments = []segment{{set: p.segments[0].set, repeat: 1, grain: outer}}
		axes[at[2]].segments = []segment{{set: p.segments[0].set, repeat: 1, grain: inside}}
		s.layouts = append(s.layouts, &layout{rank: len(axes), axes: axes})
	}
	r.stacked = s
	return true
}

// concat merges the axis that a stack lies along with the units behind it.
func (r *region) concat() bool {
	if r.stack.at != 2 || len(r.in) != 2 || len(r.want) != 1 {
		return false
	}
	units := r.stack.concatenated()
	if !r.want[0].same(exactly(units.extent())) && r.want[0].known {
		return false
	}
	r.out = []axis{units}
	return true
}
