package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// opset21 is the version since which GroupNormalization has a scale per channel.
const opset21 = 21

// groupNorm follows GroupNormalization (opset 21, one scale per channel): channels stay in their group.
func (t *tracer) groupNorm(n *flow.Node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 || n.Unit == nil || opset21 > n.Opset {
		return false
	}
	f = t.grouped(n.Unit, f)
	for slot := 1; slot < len(n.In); slot++ {
		p := t.param(n, slot)
		if p == nil {
			return false
		}
		t.record(p, []axis{f.at(c)})
	}
	return t.result(n, f)
}

// grouped is a layout whose channels only move within the groups of a normalisation.
func (t *tracer) grouped(u *flow.Unit, f *layout) *layout {
	c, groups := f.fromEnd(1), t.groups(u)
	if c == 0 {
		f.freeze()
		return f
	}
	a := f.at(c)
	if groups == 1 || !a.free() {
		return f
	}
	parts, ok := a.inGroups(groups)
	if !ok {
		a.freeze()
		return f
	}
	out := f.copy()
	all := axis{size: a.extent()}
	for _, p := range parts {
		all.segments = append(all.segments, p.segments...)
	}
	out.set(c, all)
	return out
}

// inGroups cuts an axis into a number of equal groups, false if that cannot be.
func (a axis) inGroups(groups int) ([]axis, bool) {
	size := a.extent()
	if groups < 1 || size < groups || size%groups != 0 {
		return nil, false
	}
	return a.divided(groups, size/groups)
}

// groups is the number of groups of a group normalisation, 0 when the file does not say.
func (t *tracer) groups(u *flow.Unit) int {
	if u.Anchor.Op != "Mul" {
		return int(u.Anchor.Attributes().Int("num_groups", 0))
	}
	i := slices.IndexFunc(u.Members, func(n *flow.Node) bool { return n.Op == "InstanceNormalization" })
	if i < 0 || u.Members[i].In[1] == nil || u.Members[i].In[1].Fixed == nil {
		return 0
	}
	return u.Members[i].In[1].Fixed.Elements()
}

// skipGroups marks the nodes inside a group normalisation that an exporter composed of reshapes and an
// InstanceNormalization; the scale that follows takes its axes from what they read.
func (t *tracer) skipGroups(u *flow.Unit) {
	if u.Op != "GroupNormalization" || u.Anchor.Op != "Mul" {
		return
	}
	for slot, in := range u.Anchor.In {
		if t.params[flow.Reader{Node: u.Anchor, Slot: slot}] != nil || in == nil {
			continue
		}
		for n := in.From; n != nil && in != u.Data[0]; n = in.From {
			t.skip[n] = true
			in = n.In[0]
		}
	}
}
