package network

// Graph is a lowered ONNX graph: a list of operator nodes in execution order
// over values with known types and shapes. It is immutable.
type Graph struct{ lowered *graphIR }

// Outputs returns the graph's outputs in the order they were asked for.
func (g *Graph) Outputs() []Output { return g.lowered.outputs }

// Producer returns the operator type that computes output i and the axis it
// works along where it is a normalisation over one (Softmax, LogSoftmax), else -1.
// It looks through reshapes. The operator is "" for an input or a constant.
func (g *Graph) Producer(i int) (op string, axis int) {
	v := g.lowered.outputs[i].value.root()
	if v.node == nil {
		return "", -1
	}
	if a, ok := v.node.run.(interface{ NormAxis() int }); ok {
		return v.node.op, a.NormAxis()
	}
	return v.node.op, -1
}

// Params returns the mixtures of the graph.
func (g *Graph) Params() []Param { return g.lowered.params }

// InputNames returns the names of the graph inputs that some node reads.
func (g *Graph) InputNames() []string {
	names := make([]string, len(g.lowered.inputs))
	for i, v := range g.lowered.inputs {
		names[i] = v.input
	}
	return names
}

// Bytes is the memory of all that the graph's nodes and mixtures compute, were
// each kept to itself: more than a forward pass takes, which shares buffers, and
// about what a Program takes.
func (g *Graph) Bytes() int64 {
	var bytes int64
	for _, n := range g.lowered.nodes {
		for _, v := range n.out {
			if v != nil {
				bytes += bytesOf(v.spec)
			}
		}
	}
	for _, p := range g.lowered.params {
		bytes += bytesOf(Spec{Type: p.Type, Shape: p.Shape})
	}
	return bytes
}

// bytesOf is the memory of a tensor's elements.
func bytesOf(s Spec) int64 {
	if s.IsFloat() || s.Type == 0 {
		return 4 * int64(s.Len())
	}
	return 8 * int64(s.Len())
}
