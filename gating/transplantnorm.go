package gating

import (
	"github.com/softmerge/softmerge/gating/internal/regression"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// affineLayer is a normalisation with a scale and a bias a channel, which no linear layer takes with it: a
// LayerNormalization, or a BatchNormalization of what several layers compute.
type affineLayer struct {
	plannedLayer
	scale, bias int      // among the layer's parameters
	values      []string // per parent: the name of what it computes
}

// affineLayers lists the plan's normalisations that are computed once in every parent's main graph, but for
// those that linear layers take with them.
func (p *Plan) affineLayers(linear []*linearLayer) []*affineLayer {
	taken := map[string]bool{}
	for _, l := range linear {
		if l.norm != nil {
			taken[l.norm.layer.Name] = true
		}
	}
	var list []*affineLayer
	for _, planned := range p.layers {
		params := planned.layer.Params
		l := &affineLayer{plannedLayer: planned, scale: withRole(params, "scale"), bias: withRole(params, "bias")}
		if l.scale < 0 || l.bias < 0 || taken[planned.layer.Name] || len(planned.layer.Resets) > 0 ||
			sizeOf(params[l.scale].Shape) != sizeOf(params[l.bias].Shape) || !planned.affine && len(params) != 2 ||
			!planned.once(p.selection.Alignment.Models) {
			continue
		}
		for j := range p.parents() {
			l.values = append(l.values, params[l.bias].Uses[j].Sites[0].Node.GetOutput()[0])
		}
		list = append(list, l)
	}
	return list
}

// outputAxis is where what the layer computes has its channels; -1 where that is not known.
func (l *affineLayer) outputAxis(t *network.Tensor) int {
	n, last := sizeOf(l.layer.Params[l.scale].Shape), len(t.Shape)-1
	switch {
	case l.affine && last >= 1:
		return 1
	case last >= 0 && t.Shape[last] == n:
		return last
	case last >= 1 && t.Shape[1] == n:
		return 1
	}
	return -1
}

// correct brings what a normalisation computes, channel by channel, as near to its target as another scale and bias
// can.
func (t *transplant) correct(l *affineLayer, to *target, v *network.Tensor) {
	axis := l.outputAxis(v)
	g, ok := regression.NewGrid(v, t.evaluator.data.Len(), axis)
	if !ok || to.rows == nil || g.Places != to.places || g.Channels != to.units {
		return
	}
	rows := g.Gather(v.F, to.at, false)
	r := Repair{Scale: make([]float64, to.units), Shift: make([]float64, to.units)}
	for c := range to.units {
		r.Scale[c], r.Shift[c] = regression.Line(rows[c:], to.rows[c:], to.units)
	}
	if !onnx.AllFinite(r.Scale) || !onnx.AllFinite(r.Shift) {
		return
	}
	r.apply(v, axis)
	name := l.layer.Name
	scale, bias := t.mixture(name+".scale"), t.mixture(name+".bias")
	for c := range scale {
		scale[c] = float32(r.Scale[c] * float64(scale[c]))
		bias[c] = float32(r.Scale[c]*float64(bias[c]) + r.Shift[c])
	}
	t.keep(name + ".scale")
	t.keep(name + ".bias")
}
