package symmetry

import (
	"slices"
)

// region is the part of a Reshape that changes: consecutive axes of the input and of the result that hold the same
// elements in the same order.
type region struct {
	stack       *stack
	front, back []axis // axes that stay as they are
	in          []axis
	want        []number
	out         []axis // what the wanted axes count, once followed
	stacked     *stack // made by following
}

// regionRules are the things that networks do to a region, each with its own condition. They get the region's axes
// and the wanted ones without those of length one, and where the latter stand.
var regionRules = []func(r *region, in []axis, want []number, at []int) bool{
	(*region).keep, (*region).flatten, (*region).tile, (*region).cutHeads, (*region).stackHeads,
}

// follow says what the wanted axes of a region count; false when it is nothing that is known.
func (r *region) follow() bool {
	if r.stack != nil {
		return r.concat()
	}
	r.out = shaped(r.want).axes
	if !slices.ContainsFunc(r.in, axis.free) {
		return true
	}
	in, want, at := r.withoutOnes()
	for _, rule := range regionRules {
		if rule(r, in, want, at) {
			return true
		}
	}
	return false
}

// withoutOnes are the region's axes that are not of length one, the wanted ones, and where these stand.
func (r *region) withoutOnes() (in []axis, want []number, at []int) {
	for _, a := range r.in {
		if a.size != 1 || a.free() {
			in = append(in, a)
		}
	}
	for i, x := range r.want {
		if !x.known || x.n != 1 {
			at, want = append(at, i), append(want, x)
		}
	}
	return in, want, at
}

// keep follows axes that keep their lengths: only axes of length one come or go.
func (r *region) keep(in []axis, want []number, at []int) bool {
	if !slices.EqualFunc(in, want, func(a axis, x number) bool { return x.same(a.length()) }) {
		return false
	}
	for i, a := range in {
		r.out[at[i]] = a
	}
	return true
}

// flatten follows an axis in free order that is merged with those in fixed order behind it.
func (r *region) flatten(in []axis, want []number, at []int) bool {
	if len(want) != 1 || !in[0].free() || slices.ContainsFunc(in[1:], axis.free) {
		return false
	}
	inner := exactly(1)
	for _, a := range in[1:] {
		inner = inner.times(a.length())
	}
	times := 0
	if inner.known {
		times = inner.n
	}
	out := in[0].repeatEach(times)
	if want[0].known && out.free() {
		out = out.sized(want[0].n)
	}
	r.out[at[0]] = out
	return true
}

// tile follows the units of a set that are merged with one axis in fixed order before them.
func (r *region) tile(in []axis, want []number, at []int) bool {
	if len(want) != 1 || len(in) != 2 || in[0].free() || !in[1].whole() {
		return false
	}
	times := in[0].extent()
	if times < 1 || times > maxSegments {
		return false
	}
	r.out[at[0]] = in[1].blocks(times)
	return true
}

// cutHeads follows units to [heads, units within a head].
func (r *region) cutHeads(in []axis, want []number, at []int) bool {
	if len(in) != 1 || len(want) != 2 {
		return false
	}
	a, count, within := in[0], want[0], want[1]
	if !count.known || !a.whole() || !a.segments[0].set.cut(count.n) {
		return false
	}
	set := a.segments[0].set
	size := set.root().Size / count.n
	if within.known && within.n != size {
		return false
	}
	r.out[at[0]] = axis{size: count.n, segments: []segment{headsOf(set)}}
	r.out[at[1]] = axis{size: size, segments: []segment{withinHeadsOf(set)}}
	return true
}

// headsOf is a segment that counts the heads of a set.
func headsOf(set *Set) segment { return segment{set: set, repeat: 1, counts: heads} }

// withinHeadsOf is a segment that counts the units within a head.
func withinHeadsOf(set *Set) segment { return segment{set: set, repeat: 1, counts: inHead} }

// stackHeads follows units to [parts, heads, units within a head]: queries, keys and values made by one layer. Each
// part is a set of heads of its own.
func (r *region) stackHeads(in []axis, want []number, at []int) bool {
	if len(in) != 1 || len(want) != 3 || slices.ContainsFunc(want, func(x number) bool { return !x.known || x.n < 1 }) {
		return false
	}
	a, parts, count, within := in[0], want[0], want[1], want[2]
	if !parts.times(count).times(within).same(a.length()) {
		return false
	}
	pieces, ok := a.divided(parts.n, count.n*within.n)
	if !ok || !a.free() {
		return false
	}
	s := &stack{at: len(r.out) - at[0]}
	for _, p := range pieces {
		if !p.whole() || !p.segments[0].set.cut(count.n) {
			return false
		}
		set, axes := p.segments[0].set, slices.Clone(r.out)
		axes[at[0]].size = 1
		axes[at[1]].segments = []segment{headsOf(set)}
		axes[at[2]].segments = []segment{withinHeadsOf(set)}
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
	all := r.stack.concatenated()
	if !r.want[0].same(exactly(all.extent())) && r.want[0].known {
		return false
	}
	r.out = []axis{all}
	return true
}

// result is the layout once the region has been followed.
func (r *region) result() *layout {
	out := &layout{axes: slices.Concat(r.front, r.out, r.back)}
	out.rank = len(out.axes)
	if r.stacked != nil {
		out.stack = &stack{at: r.stacked.at + len(r.back)}
		for _, f := range r.stacked.layouts {
			all := slices.Concat(r.front, f.axes, r.back)
			out.stack.layouts = append(out.stack.layouts, &layout{rank: len(all), axes: all})
		}
	}
	return out
}
