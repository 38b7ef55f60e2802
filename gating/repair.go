package gating

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Repair rescales a layer's output channels in every parent: y' = scale y + shift.
// Averages of networks whose units were matched have activations of too little
// variance; REPAIR (arXiv 2211.08403) gives every channel back the mean and
// deviation that its parents' channels have on average. It goes into the layer's own
// weight and bias, or into the affine map of a BatchNormalization.
type Repair struct {
	Layer string    `json:"layer"`
	Scale []float64 `json:"scale"` // one a channel
	Shift []float64 `json:"shift"`
}

// repairable is a layer whose output channels can be rescaled.
type repairable struct {
	plannedLayer
	param    int // where the channels come out: the bias, or a normalisation's scale, with an entry a channel
	channels int
}

// value is the name of what the layer computes in parent j.
func (l *repairable) value(j int) string {
	return l.layer.Params[l.param].Uses[j].Sites[0].Node.GetOutput()[0]
}

// axis is where the layer's output has its channels: ONNX's Conv and
// BatchNormalization on axis 1, products on the last.
func (l *repairable) axis(t *network.Tensor) int {
	if l.layer.Op == "Conv" || l.affine {
		return 1
	}
	return len(t.Shape) - 1
}

// repairables lists the plan's layers that can be repaired in the order of the
// base's nodes: those with a weight and a bias with an entry a channel, and
// BatchNormalizations, of the main graph, each computed once.
func (p *Plan) repairables() []repairable {
	a := p.selection.Alignment
	position := make([]map[*onnxpb.NodeProto]int, len(a.Models))
	for j, m := range a.Models {
		position[j] = mainNodes(m)
	}
	var list []repairable
	for _, l := range p.layers {
		k := biasOf(l.layer)
		if l.affine {
			k = newNormRoles(l.layer).scale
		}
		if k < 0 || !l.affine && !weightAndBias(l.layer, k) {
			continue
		}
		once := true
		for j, use := range l.layer.Params[k].Uses {
			once = once && len(use.Sites) == 1 && position[j][use.Sites[0].Node] > 0
		}
		if once {
			list = append(list, repairable{l, k, l.layer.Params[k].Shape[0]})
		}
	}
	return list
}

// weightAndBias says whether a layer is a weight and the bias at k, each with an entry a channel: a bias
// of one number, which Gemm and Add broadcast, cannot shift channels by themselves.
func weightAndBias(l *graphmatch.Layer, k int) bool {
	if len(l.Params) != 2 || !slices.Contains([]string{"Conv", "Gemm", "MatMul"}, l.Op) {
		return false
	}
	weight := &l.Params[1-k]
	return weight.ChannelAxis >= 0 && weight.Shape[weight.ChannelAxis] == l.Params[k].Shape[0]
}

// mainNodes numbers the nodes of the main graph from 1.
func mainNodes(m *onnx.Model) map[*onnxpb.NodeProto]int {
	at := map[*onnxpb.NodeProto]int{}
	for i, n := range m.Proto().GetGraph().GetNode() {
		at[n] = i + 1
	}
	return at
}

// biasOf returns which parameter of a layer is its bias, one entry a channel; -1 if none is.
func biasOf(l *graphmatch.Layer) int {
	return slices.IndexFunc(l.Params, func(p graphmatch.Param) bool {
		return p.Role == "bias" && len(p.Shape) == 1 && p.ChannelAxis == 0
	})
}

// wanted mixes the parents' moments of layer i by the layer's coefficients.
func (p *Plan) wanted(l *repairable, coefficients Coefficients, parents [][]moments, i int) moments {
	c := coefficients.shares(l.groups[l.param])
	want := moments{make([]float64, l.channels), make([]float64, l.channels)}
	for u := range l.channels {
		var total float64
		for j := range parents {
			if cj := c.at(j, u); cj != 0 {
				total += cj
				want.mean[u] += cj * parents[j][i].mean[u]
				want.deviation[u] += cj * parents[j][i].deviation[u]
			}
		}
		want.mean[u] /= total
		want.deviation[u] /= total
	}
	return want
}

// repairTo is the repair that turns what a layer has into what is wanted. A
// channel that does not vary, or whose moments are no numbers, is left as it is.
func repairTo(layer string, got, want moments) Repair {
	r := Repair{Layer: layer, Scale: make([]float64, len(got.mean)), Shift: make([]float64, len(got.mean))}
	for i := range r.Scale {
		r.Scale[i] = 1
		if !(want.deviation[i] > 0 && got.deviation[i] > 1e-6*math.Abs(got.mean[i])) {
			continue
		}
		scale := want.deviation[i] / got.deviation[i]
		if shift := want.mean[i] - scale*got.mean[i]; onnx.AllFinite([]float64{scale, shift}) {
			r.Scale[i], r.Shift[i] = scale, shift
		}
	}
	return r
}

// apply rescales a layer's output.
func (r *Repair) apply(t *network.Tensor, axis int) {
	inner := innerOf(t.Shape, axis)
	for i := 0; i < len(t.F); i += inner {
		c := i / inner % len(r.Scale)
		for k := i; k < i+inner; k++ {
			t.F[k] = float32(r.Scale[c]*float64(t.F[k]) + r.Shift[c])
		}
	}
}

// repairOf returns the plan's repair of a layer, nil if it has none.
func (p *Plan) repairOf(l *graphmatch.Layer) *Repair {
	for i := range p.repairs {
		if p.repairs[i].Layer == l.Name {
			return &p.repairs[i]
		}
	}
	return nil
}

// rescale applies a repair to a parameter of a mixture whose coefficients in
// channel u add up to total(u): weights and scales take the scale, biases also the shift.
func rescale[T float32 | float64](r *Repair, p *graphmatch.Param, total func(u int) float64, values []T) {
	if r == nil || p.Role == "mean" || p.Role == "var" {
		return
	}
	_, units, inner := blocks(p)
	for i, v := range values {
		u := i / inner % units
		y := r.Scale[u] * float64(v)
		if p.Role == "bias" {
			y += r.Shift[u] * total(u)
		}
		values[i] = T(y)
	}
}

// rescaled is a parent's values of a parameter, repaired.
func (r *Repair) rescaled(p *graphmatch.Param, values []float32) []float32 {
	if r == nil || values == nil {
		return values
	}
	out := slices.Clone(values)
	rescale(r, p, func(int) float64 { return 1 }, out)
	return out
}

// fits says whether a repair belongs to a layer.
func (r *Repair) fits(l *graphmatch.Layer) bool {
	if len(r.Shift) != len(r.Scale) || !onnx.AllFinite(r.Scale) || !onnx.AllFinite(r.Shift) || biasOf(l) < 0 {
		return false
	}
	for _, p := range l.Params {
		if p.ChannelAxis < 0 || p.Shape[p.ChannelAxis] != len(r.Scale) {
			return false
		}
	}
	return true
}
