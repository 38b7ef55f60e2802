package graphmatch

import (
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
func tensorSites(v *view) map[*onnxpb.TensorProto]map[onnx.Site]bool {
	sites := map[*onnxpb.TensorProto]map[onnx.Site]bool{}
	add := func(c *constant, s onnx.Site) {
		if c.tensor == nil {
			return
		}
		if sites[c.tensor] == nil {
			sites[c.tensor] = map[onnx.Site]bool{}
		}
		sites[c.tensor][s] = true
	}
	for _, n := range v.nodes {
		for slot, in := range n.in {
			if in != nil && in.fixed != nil && n.op != "Shape" && n.op != "Size" {
				add(in.fixed, reader{n, slot}.site(in.fixed))
			}
		}
	}
	for i, out := range v.outputs {
		if out != nil && out.fixed != nil {
			add(out.fixed, onnx.Site{Input: i})
		}
	}
	return sites
}

// Names are all names that a model's main graph and the bodies inside it define, as far as one could clash
// with a new initializer's.
func Names(m *onnx.Model) map[string]bool { return names(m) }
