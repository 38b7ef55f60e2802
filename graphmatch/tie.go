package graphmatch

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// normalisations are the operators whose parameters belong together when layers are tied.
var normalisations = map[string]bool{
	"BatchNormalization": true, "LayerNormalization": true, "GroupNormalization": true, "InstanceNormalization": true,
	"RMSNormalization": true,
}

// tie joins layers that read one tensor in all models (the package comment says when).
func (a *Alignment) tie() {
	owners := map[*onnxpb.TensorProto][]int{} // by the first model's tensor of the first parameter
	var kept []Layer
	for _, l := range a.Layers {
		if l.Status == Missing || len(l.Params) == 0 || !l.Params[0].Uses[a.Base].Reads() {
			kept = append(kept, l)
			continue
		}
		key := l.Params[0].Uses[a.Base].Tensor
		for _, i := range owners[key] {
			if kept[i].tiedTo(&l) {
				kept[i].take(&l)
				break
			}
		}
		if len(l.Params) > 0 {
			owners[key] = append(owners[key], len(kept))
			kept = append(kept, l)
		}
	}
	a.Layers = kept
}

// tiedTo tells whether two layers share their first parameter in all models; normalisations and layers
// without a matrix must share all, since equal vectors are more often a coincidence.
func (l *Layer) tiedTo(m *Layer) bool {
	if !sameTensors(&l.Params[0], &m.Params[0]) {
		return false
	}
	if !normalisations[l.Op] && len(l.Params[0].Shape) > 1 {
		return true
	}
	return slices.EqualFunc(l.Params, m.Params, func(p, q Param) bool { return sameTensors(&p, &q) })
}

// sameTensors tells whether two parameters are one tensor in every model.
func sameTensors(p, q *Param) bool {
	return slices.EqualFunc(p.Uses, q.Uses, func(u, v Use) bool {
		return u.Reads() && u.Tensor == v.Tensor && u.fold == v.fold
	})
}

// take moves the parameters that m shares with l to l, and m's names if nothing of m remains.
func (l *Layer) take(m *Layer) {
	m.Params = slices.DeleteFunc(m.Params, func(q Param) bool {
		i := slices.IndexFunc(l.Params, func(p Param) bool { return sameTensors(&p, &q) })
		if i >= 0 {
			l.Params[i].join(&q)
		}
		return i >= 0
	})
	if len(m.Params) == 0 {
		l.tags = append(append(l.tags, m.Name), m.tags...)
		l.ops = append(l.ops, m.ops...)
	}
}

// join adds another parameter's sites.
func (p *Param) join(q *Param) {
	if p.ChannelAxis != q.ChannelAxis {
		p.ChannelAxis = -1
	}
	for j := range p.Uses {
		for _, s := range q.Uses[j].Sites {
			if !slices.Contains(p.Uses[j].Sites, s) {
				p.Uses[j].Sites = append(p.Uses[j].Sites, s)
			}
		}
	}
}

// refuseSharedViews marks layers that the base reads through one and the same node (a Transpose shared by
// two MatMuls) though another model has them apart: no edit of the base's tensors can separate them.
func (a *Alignment) refuseSharedViews() {
	type place struct {
		node *onnxpb.NodeProto
		slot int
	}
	by := map[place]int{}
	for i := range a.Layers {
		for _, p := range a.Layers[i].Params {
			for _, s := range p.Uses[a.Base].Sites {
				key := place{s.Node, s.Input}
				if k, ok := by[key]; ok && k != i {
					for _, l := range []*Layer{&a.Layers[i], &a.Layers[k]} {
						l.fail(Mismatch, "%s: %s reads it for several layers through node %q, another model does not",
							p.Role, a.labels[a.Base], s.Node.GetName())
					}
				}
				by[key] = i
			}
		}
	}
}

// refuseSharedInFunctions marks layers whose tensor the base stores inside a local function and reads for
// others too: a function's nodes see no initializers, so they could not be given a tensor of their own.
func (a *Alignment) refuseSharedInFunctions() {
	inside := map[*onnxpb.NodeProto]string{}
	for _, f := range a.Models[a.Base].Proto().GetFunctions() {
		addNodes(f.GetNode(), f.GetName(), inside, 0)
	}
	if len(inside) == 0 {
		return
	}
	for i := range a.Layers {
		l := &a.Layers[i]
		refuse := func(role string, u *Use) {
			for _, s := range u.Sites {
				if name, ok := inside[s.Node]; ok && a.Shared(u) {
					l.fail(Mismatch, "%s: %s reads it for several layers inside function %q, another model does not",
						role, a.labels[a.Base], name)
					return
				}
			}
		}
		for k := range l.Params {
			refuse(l.Params[k].Role, &l.Params[k].Uses[a.Base])
		}
		for k := range l.Resets {
			refuse("normalisation", &l.Resets[k].Use)
		}
	}
}

// addNodes notes the function that nodes and the bodies inside them belong to.
func addNodes(nodes []*onnxpb.NodeProto, function string, inside map[*onnxpb.NodeProto]string, depth int) {
	for _, n := range nodes {
		inside[n] = function
		for _, g := range onnx.Subgraphs(n) {
			if depth < flow.MaxDepth {
				addNodes(g.GetNode(), function, inside, depth+1)
			}
		}
	}
}
