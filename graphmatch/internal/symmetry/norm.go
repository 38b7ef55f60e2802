package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// channelNorm follows normalisations per channel.
func (t *tracer) channelNorm(n *flow.Node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 {
		return false
	}
	a := f.at(c)
	for slot := 1; slot < len(n.In); slot++ {
		p := t.param(n, slot)
		if p == nil {
			a.freeze()
			continue
		}
		a = a.sized(p.C.Elements())
		t.record(p, []axis{a})
	}
	return t.result(n, f)
}

// layerNorm follows a normalisation over the last axes: it does not depend on their order, its
// parameters follow it.
func (t *tracer) layerNorm(n *flow.Node) bool {
	f := t.input(n, 0).copy()
	for slot := 1; slot < len(n.In); slot++ {
		if p := t.param(n, slot); p != nil {
			t.recordVector(p, f)
		} else if n.In[slot] != nil {
			return false
		}
	}
	return t.result(n, f)
}
