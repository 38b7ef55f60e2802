package graphmatch

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Shared tells whether the base reads a use's tensor anywhere else than at the use's sites, so that new
// values for the use must not be written over the tensor: exporters store tensors of equal value once.
// Readers that only ask for the shape do not count.
func (a *Alignment) Shared(u *Use) bool {
	own := map[onnx.Site]bool{}
	for _, s := range u.Sites {
		own[s] = true
	}
	for s := range a.readers[u.Tensor] {
		if !own[s] {
			return true
		}
	}
	return false
}

// tensorSites lists where each tensor of a model is read, dead nodes included. A graph output that is the
// tensor itself is a site without a node.
func tensorSites(v *flow.Network) map[*onnxpb.TensorProto]map[onnx.Site]bool {
	sites := map[*onnxpb.TensorProto]map[onnx.Site]bool{}
	add := func(c *flow.Constant, s onnx.Site) {
		if c.Tensor == nil {
			return
		}
		if sites[c.Tensor] == nil {
			sites[c.Tensor] = map[onnx.Site]bool{}
		}
		sites[c.Tensor][s] = true
	}
	for _, n := range v.Nodes {
		for slot, in := range n.In {
			if in != nil && in.Fixed != nil && n.Op != "Shape" && n.Op != "Size" {
				add(in.Fixed, flow.Reader{Node: n, Slot: slot}.Site(in.Fixed))
			}
		}
	}
	for i, out := range v.Outputs {
		if out != nil && out.Fixed != nil {
			add(out.Fixed, onnx.Site{Input: i})
		}
	}
	return sites
}

// Names are all names that a model's main graph and the bodies inside it define, as far as one could clash
// with a new initializer's.
func Names(m *onnx.Model) map[string]bool { return flow.Names(m) }
