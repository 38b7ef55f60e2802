package gating

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Repair rescales a layer's output channels: y' = scale y + shift. Averages of
// networks whose units were matched have activations of too little variance;
// REPAIR (arXiv 2211.08403) gives every channel back the mean and deviation that
// its parents' channels have on average. In a network whose normalisations are
// folded that goes into the layers' own weights and biases.
type Repair struct {
	Layer string    `json:"layer"`
	Scale []float64 `json:"scale"` // one a channel
	Shift []float64 `json:"shift"`
}

const (
	repairSamples = 64 // training samples that activations are measured on
	maxRepairs    = 64 // layers; each is measured anew once those before it are repaired

	// unaskedRepairs bounds layers times weights where reordering was not asked
	// for: on wide networks repairing takes longer than learning.
	unaskedRepairs = 50_000_000
)

// moments is the mean and standard deviation of a layer's output channels.
type moments struct{ mean, deviation []float64 }

// repairs finds the repairs of a merged candidate, layer after layer.
func (m *merge) repairs(ctx context.Context, p *Plan, coeffs [][]float64) ([]Repair, error) {
	layers := m.repairable(p)
	if len(layers) == 0 || len(layers) > maxRepairs || m.Permute == PermuteAuto && len(layers)*weightCount(layers) > unaskedRepairs {
		return nil, nil
	}
	d := m.train.Head(repairSamples)
	if err := m.measureParents(ctx, p, layers, d); err != nil {
		return nil, err
	}
	var list []Repair
	for _, l := range layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := m.repair(p, l, coeffs, list, d)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// measureParents measures the layers' outputs in every parent, once for all candidates.
func (m *merge) measureParents(ctx context.Context, p *Plan, layers []PlannedLayer, d *dataset.Data) error {
	if m.moments != nil {
		return nil
	}
	m.moments = map[string][]moments{}
	for j, model := range p.Selection.Alignment.Models {
		for _, l := range layers {
			if err := ctx.Err(); err != nil {
				return err
			}
			s, err := channelMoments(model, l.Layer, j, d, m.workers)
			if err != nil {
				return err
			}
			m.moments[l.Layer.Name] = append(m.moments[l.Layer.Name], s)
		}
	}
	return nil
}

// repairable lists the plan's layers that have a weight and a bias with an entry
// a channel, but for the one that computes the output.
func (m *merge) repairable(p *Plan) []PlannedLayer {
	base := p.Selection.Alignment.Base
	var list []PlannedLayer
	for _, l := range p.Layers {
		bias := biasOf(l.Layer)
		if bias < 0 || len(l.Layer.Params) != 2 || !slices.Contains([]string{"Conv", "Gemm", "MatMul"}, l.Layer.Op) {
			continue
		}
		other := l.Layer.Params[1-bias]
		sites := l.Layer.Params[bias].Uses[base].Sites
		if other.ChannelAxis < 0 || len(sites) != 1 || sites[0].Node.GetOutput()[0] == m.objective.Output {
			continue
		}
		list = append(list, l)
	}
	return list
}

// weightCount is the number of weights of all the layers.
func weightCount(layers []PlannedLayer) int {
	n := 0
	for _, l := range layers {
		for _, p := range l.Layer.Params {
			outer, units, inner := blocks(&p)
			n += outer * units * inner
		}
	}
	return n
}

// biasOf returns which parameter of a layer is its bias, one entry a channel; -1 if none is.
func biasOf(l *graphmatch.Layer) int {
	return slices.IndexFunc(l.Params, func(p graphmatch.Param) bool {
		return p.Role == "bias" && len(p.Shape) == 1 && p.ChannelAxis == 0
	})
}

// repair measures one layer in the merged model so far, whose channels are to
// have the parents' moments in the mixture's proportions.
func (m *merge) repair(p *Plan, l PlannedLayer, coeffs [][]float64, before []Repair, d *dataset.Data) (Repair, error) {
	bias := biasOf(l.Layer)
	channels := l.Layer.Params[bias].Shape[0]
	group := l.Groups[bias]
	c := unitCoeffs{coeffs[group], p.Groups[group].Units}
	want := moments{make([]float64, channels), make([]float64, channels)}
	for j, s := range m.moments[l.Layer.Name] {
		for i := range channels {
			if cj := c.at(j, i); cj != 0 {
				want.mean[i] += cj * s.mean[i]
				want.deviation[i] += cj * s.deviation[i]
			}
		}
	}
	merged, err := p.bakeWith(coeffs, bakeOptions{repairs: before})
	if err != nil {
		return Repair{}, err
	}
	got, err := channelMoments(merged, l.Layer, p.Selection.Alignment.Base, d, m.workers)
	if err != nil {
		return Repair{}, err
	}
	r := Repair{Layer: l.Layer.Name, Scale: make([]float64, channels), Shift: make([]float64, channels)}
	for i := range channels {
		r.Scale[i] = 1
		if got.deviation[i] > 1e-6*math.Abs(got.mean[i]) && want.deviation[i] > 0 && got.deviation[i] > 0 {
			r.Scale[i] = want.deviation[i] / got.deviation[i]
		}
		r.Shift[i] = want.mean[i] - r.Scale[i]*got.mean[i]
	}
	return r, nil
}

// channelMoments measures a layer's output channels over the data, in a model
// that names its nodes as parent j does.
func channelMoments(m *onnx.Model, l *graphmatch.Layer, j int, d *dataset.Data, w *kernel.Workers) (moments, error) {
	bias := biasOf(l)
	f, err := newForward(m, d, l.Params[bias].Uses[j].Sites[0].Node.GetOutput()[0], d.Len(), nil, w)
	if err != nil {
		return moments{}, err
	}
	channels := l.Params[bias].Shape[0]
	s := moments{make([]float64, channels), make([]float64, channels)}
	n := 0.0
	for rows := range d.InOrder(f.batch) {
		t, err := f.run(rows, nil)
		if err != nil {
			return moments{}, err
		}
		n += addMoments(t, channelAxis(l.Op, t), s.mean, s.deviation)
	}
	for i := range s.mean {
		s.mean[i] /= n
		s.deviation[i] = math.Sqrt(math.Max(0, s.deviation[i]/n-s.mean[i]*s.mean[i]))
	}
	return s, nil
}

// channelAxis is where a layer's output has its channels: ONNX's Conv on axis 1, products on the last.
func channelAxis(op string, t *network.Tensor) int {
	if op == "Conv" {
		return 1
	}
	return len(t.Shape) - 1
}

// addMoments adds every channel's sum and sum of squares, and returns how many numbers a channel has.
func addMoments(t *network.Tensor, axis int, sum, squares []float64) float64 {
	inner := 1
	for _, d := range t.Shape[axis+1:] {
		inner *= d
	}
	channels := t.Shape[axis]
	for i, v := range t.F {
		c := i / inner % channels
		sum[c] += float64(v)
		squares[c] += float64(v) * float64(v)
	}
	return float64(len(t.F) / channels)
}

// rescaled applies a repair to the values of a layer's parameter.
func (r *Repair) rescaled(p *graphmatch.Param, values []float64) []float64 {
	_, units, inner := blocks(p)
	for i := range values {
		c := i / inner % units
		values[i] *= r.Scale[c]
		if p.Role == "bias" {
			values[i] += r.Shift[c]
		}
	}
	return values
}

// fits says whether a repair belongs to a layer.
func (r *Repair) fits(l *graphmatch.Layer) bool {
	if bias := biasOf(l); bias < 0 || len(r.Scale) != l.Params[bias].Shape[0] || len(r.Shift) != len(r.Scale) {
		return false
	}
	for _, p := range l.Params {
		if p.ChannelAxis < 0 || p.Shape[p.ChannelAxis] != len(r.Scale) {
			return false
		}
	}
	return finite(r.Scale) && finite(r.Shift)
}
