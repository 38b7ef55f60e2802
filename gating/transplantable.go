package gating

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// linearLayer is a layer that is a linear map of what reaches it, perhaps with the
// BatchNormalization that alone reads it: then both together are the map.
type linearLayer struct {
	plannedLayer
	weight, bias int           // among the layer's parameters; bias -1 where it has none
	norm         *plannedLayer // nil where there is none
	values       []string      // per parent: the name of what the map computes
}

// linearLayers lists the convolutions and matrix products of the plan that are computed once, in the main graph,
// in every parent.
func (p *Plan) linearLayers() []*linearLayer {
	readers := make([]map[string][]onnx.Site, p.parents())
	for j, m := range p.selection.Alignment.Models {
		readers[j] = readersOf(m)
	}
	var list []*linearLayer
	for _, planned := range p.layers {
		l := newLinearLayer(planned)
		if l == nil || !l.once(p.selection.Alignment.Models) {
			continue
		}
		l.values = l.outputs(p.parents())
		l.takeNorm(p, readers)
		list = append(list, l)
	}
	return list
}

// newLinearLayer returns the layer as a linear map, nil if it is none.
func newLinearLayer(planned plannedLayer) *linearLayer {
	params := planned.layer.Params
	l := &linearLayer{plannedLayer: planned, weight: withRole(params, "weight"), bias: withRole(params, "bias")}
	if l.weight < 0 || params[l.weight].ChannelAxis < 0 || len(planned.layer.Resets) > 0 {
		return nil
	}
	units := params[l.weight].Shape[params[l.weight].ChannelAxis]
	if l.bias < 0 && len(params) != 1 || l.bias >= 0 && (len(params) != 2 || sizeOf(params[l.bias].Shape) != units) {
		return nil
	}
	for _, use := range params[l.weight].Uses {
		if !linearReader(use) {
			return nil
		}
	}
	return l
}

func withRole(params []graphmatch.Param, role string) int {
	return slices.IndexFunc(params, func(p graphmatch.Param) bool { return p.Role == role })
}

// linearReader says whether a weight is read as it stands by a product with what flows in.
func linearReader(use graphmatch.Use) bool {
	if len(use.Sites) != 1 || use.Sites[0].Node != use.Reader || use.Sites[0].Input != 1 {
		return false
	}
	a := onnx.NodeAttributes(use.Reader)
	switch use.Reader.GetOpType() {
	case "Conv":
		return true
	case "MatMul":
		return len(use.Tensor.GetDims()) == 2
	case "Gemm":
		return a.Int("transA", 0) == 0 && a.Float("alpha", 1) == 1 && a.Float("beta", 1) == 1
	}
	return false
}

// once says whether the layer's nodes stand in every parent's main graph, once each.
func (l *plannedLayer) once(models []*onnx.Model) bool {
	for j, m := range models {
		at := mainNodes(m)
		for _, p := range l.layer.Params {
			if s := p.Uses[j].Sites; len(s) != 1 || at[s[0].Node] == 0 {
				return false
			}
		}
	}
	return true
}

// outputs names what the layer computes in each parent, bias included.
func (l *linearLayer) outputs(parents int) []string {
	last := l.weight
	if l.bias >= 0 {
		last = l.bias
	}
	names := make([]string, parents)
	for j := range names {
		names[j] = l.layer.Params[last].Uses[j].Sites[0].Node.GetOutput()[0]
	}
	return names
}

// units is how many output channels the layer has.
func (l *linearLayer) units() int {
	p := &l.layer.Params[l.weight]
	return p.Shape[p.ChannelAxis]
}

// takeNorm joins the BatchNormalization that alone reads what the layer computes, in every parent.
func (l *linearLayer) takeNorm(p *Plan, readers []map[string][]onnx.Site) {
	for i := range p.layers {
		norm := &p.layers[i]
		if !norm.affine {
			continue
		}
		scale := norm.layer.Params[newNormRoles(norm.layer).scale].Uses
		alone := true
		for j, name := range l.values {
			r := readers[j][name]
			alone = alone && len(r) == 1 && r[0].Input == 0 && len(scale[j].Sites) == 1 &&
				r[0].Node == scale[j].Sites[0].Node
		}
		if !alone {
			continue
		}
		l.norm = norm
		for j := range l.values {
			l.values[j] = scale[j].Sites[0].Node.GetOutput()[0]
		}
		return
	}
}

// readersOf lists who reads each value of a model: nodes, those in bodies included, and the graph's outputs.
func readersOf(m *onnx.Model) map[string][]onnx.Site {
	readers := map[string][]onnx.Site{}
	add := func(_ onnx.Place, n *onnxpb.NodeProto) error {
		for i, name := range n.GetInput() {
			readers[name] = append(readers[name], onnx.Site{Node: n, Input: i})
		}
		return nil
	}
	m.Walk(add)
	for _, o := range m.Proto().GetGraph().GetOutput() {
		readers[o.GetName()] = append(readers[o.GetName()], onnx.Site{})
	}
	return readers
}

func sizeOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
