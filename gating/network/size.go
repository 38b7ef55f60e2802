package network

// Bytes is the memory of all that the graph's nodes and mixtures compute, were
// each kept to itself: more than a forward pass takes, which shares buffers, and
// about what a Program takes.
func (g *Graph) Bytes() int64 {
	var bytes int64
	for _, n := range g.nodes {
		for _, v := range n.out {
			if v != nil {
				bytes += v.spec.bytes()
			}
		}
	}
	for _, p := range g.params {
		bytes += Spec{Type: p.Type, Shape: p.Shape}.bytes()
	}
	return bytes
}

// bytes is the memory of a tensor's elements.
func (s Spec) bytes() int64 {
	if s.IsFloat() || s.Type == 0 {
		return 4 * int64(s.Len())
	}
	return 8 * int64(s.Len())
}
