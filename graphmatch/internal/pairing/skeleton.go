package pairing

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// skeleton is the graph of the layers alone: each reads the nearest layers upstream, whatever operators
// lie between. Kinds for which skip is true are looked through too.
func skeleton(g *flow.Canonical, skip func(*flow.CanonicalNode) bool) *flow.Canonical {
	s := &flow.Canonical{}
	near := map[*flow.CanonicalNode][]*flow.CanonicalNode{}
	reader := map[*flow.CanonicalNode]*flow.CanonicalNode{} // the last node that a kept node was a source of
	for _, c := range g.Nodes {
		var sources []*flow.CanonicalNode
		for _, e := range c.In {
			for _, k := range near[e.Node] {
				if reader[k] != c {
					reader[k] = c
					sources = append(sources, k)
				}
			}
		}
		if c.Unit == nil && len(c.In) > 0 && len(c.Out) > 0 || c.Unit != nil && skip(c) {
			near[c] = sources
			continue
		}
		k := &flow.CanonicalNode{Op: c.Op, Shape: c.Shape, Unit: c.Unit, End: c.End}
		for _, src := range sources {
			k.In = append(k.In, flow.Edge{Node: src})
		}
		near[c] = []*flow.CanonicalNode{k}
		s.Nodes = append(s.Nodes, k)
	}
	s.LinkOutputs()
	return s
}
