package gating

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Granularity says which weights share a gate.
type Granularity string

const (
	ByModel   Granularity = "model"   // one gate a parent
	ByModule  Granularity = "module"  // one a parent and name scope
	ByLayer   Granularity = "layer"   // one a parent and layer
	ByChannel Granularity = "channel" // one a parent and output channel: weight row and bias entry
	ByTensor  Granularity = "tensor"  // one a parent and tensor; a normalisation's affine map stays together
)

// Group is the weights that share their gates: J gates, or J for each of Units channels.
type Group struct {
	Name  string
	Units int
	Shut  []bool // per parent: its gates are fixed at 0
}

// Plan says which gates mix which weights. Coefficients and log a of a plan are
// one slice a group, parent by parent, Units numbers each.
type Plan struct {
	Granularity Granularity
	Selection   *graphmatch.Selection
	Groups      []Group
	Layers      []PlannedLayer
	weights     *Weights
	repairs     []Repair // output channels that are rescaled, in every parent alike
}

// PlannedLayer is a selected layer and the groups that mix its parameters.
type PlannedLayer struct {
	Layer  *graphmatch.Layer
	Groups []int // one a parameter; for a BatchNormalization the same for all four
	affine bool  // BatchNormalization: what is mixed is the affine map
}

// NewPlan assigns the weights of the selected layers that can be mixed to groups
// of gates. Layers that are identical in all parents need none.
func NewPlan(w *Weights, g Granularity) (*Plan, error) {
	p := &Plan{Granularity: g, Selection: w.selection, weights: w}
	index := map[string]int{}
	for i := range w.layers {
		l := &w.layers[i]
		planned := PlannedLayer{Layer: l.layer, affine: l.affine}
		for k := range l.layer.Params {
			name, units, err := p.groupOf(l, k)
			if err != nil {
				return nil, err
			}
			at, ok := index[name]
			if !ok {
				at = len(p.Groups)
				index[name] = at
				p.Groups = append(p.Groups, Group{Name: name, Units: units, Shut: make([]bool, len(w.selection.Alignment.Models))})
			}
			planned.Groups = append(planned.Groups, at)
			for j, bad := range l.nonfinite {
				p.Groups[at].Shut[j] = p.Groups[at].Shut[j] || bad
			}
		}
		p.Layers = append(p.Layers, planned)
	}
	return p, nil
}

// groupOf names the group of a layer's parameter and says how many units it has.
func (p *Plan) groupOf(l *layerWeights, param int) (name string, units int, err error) {
	switch p.Granularity {
	case ByModel:
		return "model", 1, nil
	case ByModule:
		return "module " + l.layer.Scope, 1, nil
	case ByLayer:
		return l.layer.Name, 1, nil
	case ByChannel:
		return l.layer.Name, l.channels(), nil
	case ByTensor:
		if l.affine {
			return l.layer.Name, 1, nil
		}
		return l.layer.Name + " " + l.layer.Params[param].Role, 1, nil
	}
	return "", 0, fmt.Errorf("granularity %q: want model, module, layer, channel or tensor", p.Granularity)
}

// parents returns J.
func (p *Plan) parents() int { return len(p.Selection.Alignment.Models) }

// everyone says of every parent that it is in.
func (p *Plan) everyone() []bool { return slices.Repeat([]bool{true}, p.parents()) }

// mixtures returns the plan's weights as the mixtures that a network reads, and
// the BatchNormalization nodes that are affine maps in it.
func (p *Plan) mixtures() (params []network.Param, affine map[*onnxpb.NodeProto]bool) {
	affine = map[*onnxpb.NodeProto]bool{}
	base := p.Selection.Alignment.Base
	for i, l := range p.Layers {
		repair := p.repairOf(l.Layer)
		for _, m := range p.weights.layers[i].mixed {
			param := &l.Layer.Params[m.param]
			group := l.Groups[m.param]
			axis := -1
			if p.Groups[group].Units > 1 {
				axis = param.ChannelAxis
			}
			values := make([][]float32, len(m.values))
			for j, v := range m.values {
				if !p.Groups[group].Shut[j] {
					values[j] = repair.rescaled(param, v)
				}
			}
			sites := param.Uses[base].Sites
			params = append(params, network.Param{
				Name: l.Layer.Name + "." + param.Role, Sites: sites, Shape: param.Shape, Type: param.Type, Values: values, Gate: group, Axis: axis,
			})
			if l.affine {
				for _, s := range sites {
					affine[s.Node] = true
				}
			}
		}
	}
	return params, affine
}

// fixed returns what the plan's layers reset in the base (graphmatch.Reset) as a network reads it.
func (p *Plan) fixed() []network.Fixed {
	var list []network.Fixed
	for _, l := range p.Layers {
		for _, r := range l.Layer.Resets {
			list = append(list, network.Fixed{Spec: network.Spec{Type: r.Type, Shape: r.Shape}, Sites: r.Use.Sites, Number: float32(r.Number)})
		}
	}
	return list
}

// Coefficients returns the coefficients of the gates without noise.
func (p *Plan) Coefficients(logAlpha [][]float64, m Combine) [][]float64 {
	return p.coefficients(logAlpha, m, func(a []float64, _ []bool, z []float64) {
		for j := range a {
			z[j] = Gate(a[j])
		}
	})
}

// Rounded returns the coefficients of the gates rounded to 0 or 1; a unit whose
// gates would all close keeps its largest.
func (p *Plan) Rounded(logAlpha [][]float64) [][]float64 {
	return p.coefficients(logAlpha, Convex, func(a []float64, shut []bool, z []float64) {
		largest, open := -1, false
		for j := range a {
			z[j] = math.Round(Gate(a[j]))
			open = open || z[j] == 1 && !shut[j]
			if !shut[j] && (largest < 0 || a[j] > a[largest]) {
				largest = j
			}
		}
		if !open && largest >= 0 {
			z[largest] = 1
		}
	})
}

// coefficients combines the gates of every unit; gate writes the gates z of one unit's log a.
func (p *Plan) coefficients(logAlpha [][]float64, m Combine, gate func(a []float64, shut []bool, z []float64)) [][]float64 {
	out := make([][]float64, len(logAlpha))
	n := p.parents()
	a, z, c := make([]float64, n), make([]float64, n), make([]float64, n)
	for g, list := range logAlpha {
		units, shut := p.Groups[g].Units, p.Groups[g].Shut
		out[g] = make([]float64, len(list))
		for u := range units {
			for j := range n {
				a[j] = list[j*units+u]
			}
			gate(a, shut, z)
			m.combine(z, a, shut, c)
			for j := range n {
				out[g][j*units+u] = c[j]
			}
		}
	}
	return out
}

// Uniform returns equal coefficients for the parents that are in and not shut.
func (p *Plan) Uniform(in []bool) [][]float64 {
	out := make([][]float64, len(p.Groups))
	for g, group := range p.Groups {
		out[g] = make([]float64, p.parents()*group.Units)
		n := 0
		for j := range p.parents() {
			if in[j] && !group.Shut[j] {
				n++
			}
		}
		for j := range p.parents() {
			for u := range group.Units {
				if in[j] && !group.Shut[j] {
					out[g][j*group.Units+u] = 1 / float64(n)
				}
			}
		}
	}
	return out
}
