package gating

import (
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// mixtures returns the plan's weights as the mixtures that a network reads, and
// the BatchNormalization nodes that are affine maps in it.
func (p *Plan) mixtures() (params []network.Param, affine map[*onnxpb.NodeProto]bool) {
	affine = map[*onnxpb.NodeProto]bool{}
	for i, l := range p.layers {
		for _, m := range p.weights.layers[i].mixed {
			param := p.mixture(l, m)
			params = append(params, param)
			if l.affine {
				for _, s := range param.Sites {
					affine[s.Node] = true
				}
			}
		}
	}
	return params, affine
}

// mixture returns one mixed parameter of a layer, repaired where the layer is.
func (p *Plan) mixture(l plannedLayer, m mixedParam) network.Param {
	repair := p.repairOf(l.layer)
	param := &l.layer.Params[m.param]
	at := l.groups[m.param]
	axis := ir.WholeTensor
	switch units := p.groups[at].units; {
	case units > 1 && units == sizeOf(param.Shape):
		axis = ir.EachElement
	case units > 1:
		axis = param.ChannelAxis
	}
	values := make([][]float32, len(m.values))
	for j, v := range m.values {
		if !p.groups[at].excluded[j] {
			values[j] = repair.rescaled(param, v)
		}
	}
	return network.Param{
		Name: l.layer.Name + "." + param.Role, Sites: param.Uses[p.selection.Alignment.Base].Sites,
		Shape: param.Shape, Type: param.Type, Values: values, Gate: at, Axis: axis,
	}
}

// fixed returns what the plan's layers reset in the base (graphmatch.Reset) as a network reads it.
func (p *Plan) fixed() []network.Fixed {
	var list []network.Fixed
	for _, l := range p.layers {
		for _, r := range l.layer.Resets {
			spec := network.Spec{Type: r.Type, Shape: r.Shape}
			list = append(list, network.Fixed{Spec: spec, Sites: r.Use.Sites, Number: float32(r.Number)})
		}
	}
	return list
}
