package flow

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// inOrder puts nodes into topological order. Files are sorted by definition, but optimisers have written
// many that are not and that runtimes still accept; nodes that are in order keep their places.
func inOrder(nodes []*onnxpb.NodeProto) []*onnxpb.NodeProto {
	maker := map[string]int{}
	for i, n := range nodes {
		for _, out := range n.GetOutput() {
			if out != "" {
				maker[out] = i
			}
		}
	}
	waits := make([]int, len(nodes)) // how many nodes each node waits for
	wakes := make([][]int, len(nodes))
	sorted := true
	for i, n := range nodes {
		seen := map[int]bool{i: true}
		for _, name := range reads(n, nil, 0) {
			if k, ok := maker[name]; ok && !seen[k] {
				seen[k] = true
				waits[i]++
				wakes[k] = append(wakes[k], i)
				sorted = sorted && k < i
			}
		}
	}
	if sorted {
		return nodes
	}
	var out []*onnxpb.NodeProto
	for round := range nodes {
		// Everything that waits for nothing is written in file order; what that frees later in the
		// file follows in the same turn.
		if waits[round] == 0 {
			out = release(round, nodes, waits, wakes, out)
		}
	}
	return out
}

// release writes a node and, one after another, the earlier nodes that waited for nothing but what has
// been written. Nodes on a cycle are never written, so whoever reads them says so.
func release(
	first int, nodes []*onnxpb.NodeProto, waits []int, wakes [][]int, out []*onnxpb.NodeProto,
) []*onnxpb.NodeProto {
	for queue := []int{first}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		out = append(out, nodes[i])
		waits[i] = -1
		for _, k := range wakes[i] {
			if waits[k]--; waits[k] == 0 && k < first {
				queue = append(queue, k)
			}
		}
		slices.Sort(queue[1:])
	}
	return out
}

// reads lists the names that a node and the bodies inside it read.
func reads(n *onnxpb.NodeProto, names []string, depth int) []string {
	names = append(names, n.GetInput()...)
	if depth > MaxDepth {
		return names
	}
	for _, g := range onnx.Subgraphs(n) {
		for _, inner := range g.GetNode() {
			names = reads(inner, names, depth+1)
		}
		for _, out := range g.GetOutput() {
			names = append(names, out.GetName())
		}
	}
	return names
}
