package graphmatch

// skeleton is the graph of the layers alone: each reads the nearest layers upstream, whatever operators
// lie between. Kinds for which skip is true are looked through too.
func skeleton(g *canon, skip func(*cnode) bool) *canon {
	s := &canon{}
	near := map[*cnode][]*cnode{}
	reader := map[*cnode]*cnode{} // the last node that a kept node was a source of
	for _, c := range g.nodes {
		var sources []*cnode
		for _, e := range c.in {
			for _, k := range near[e.node] {
				if reader[k] != c {
					reader[k] = c
					sources = append(sources, k)
				}
			}
		}
		if c.unit == nil && len(c.in) > 0 && len(c.out) > 0 || c.unit != nil && skip(c) {
			near[c] = sources
			continue
		}
		k := &cnode{op: c.op, shape: c.shape, unit: c.unit}
		for _, src := range sources {
			k.in = append(k.in, edge{node: src})
		}
		near[c] = []*cnode{k}
		s.nodes = append(s.nodes, k)
	}
	s.linkOutputs()
	return s
}
