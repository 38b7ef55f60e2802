package flow

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Names are all names that a model's main graph and the bodies inside it define, as far as one could clash
// with a new initializer's.
func Names(m *onnx.Model) map[string]bool {
	taken := map[string]bool{}
	addNames(m.Proto().GetGraph(), taken, 0)
	return taken
}

// addNames collects the names of a graph and its nodes' bodies.
func addNames(g *onnxpb.GraphProto, taken map[string]bool, depth int) {
	for _, t := range g.GetInitializer() {
		taken[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		taken[t.GetValues().GetName()] = true
	}
	for _, in := range g.GetInput() {
		taken[in.GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, name := range slices.Concat(n.GetOutput(), n.GetInput()) {
			taken[name] = true
		}
		for _, body := range onnx.Subgraphs(n) {
			if depth < MaxDepth {
				addNames(body, taken, depth+1)
			}
		}
	}
}
