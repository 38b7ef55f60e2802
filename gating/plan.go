package gating

import (
	"slices"

	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Granularity says which weights share a gate.
type Granularity string

const (
	ByModel   Granularity = "model"   // one gate a parent
	ByModule  Granularity = "module"  // one a parent and name scope
	ByLayer   Granularity = "layer"   // one a parent and layer
	ByChannel Granularity = "channel" // one a parent and output channel: weight row and bias entry
	ByTensor  Granularity = "tensor"  // one a parent and tensor; a normalisation's affine map stays together
	ByElement Granularity = "element" // one a parent and weight; a normalisation's affine map stays together
)

// Plan says which gates mix which weights. It never changes: what is found out
// about a plan, such as which parents do harm where, makes another plan.
type Plan struct {
	granularity Granularity
	selection   *graphmatch.Selection
	groups      []group
	layers      []plannedLayer
	weights     *Weights
	repairs     []Repair // output channels that are rescaled, in every parent alike
}

// group is the weights that share their gates: one gate a parent, or one for each of its units.
type group struct {
	name     string
	units    int
	excluded []bool // per parent: its gates are fixed at 0
	elements bool   // the units are the weights of one tensor
}

// plannedLayer is a selected layer and the groups that mix its parameters.
type plannedLayer struct {
	layer  *graphmatch.Layer
	groups []int // one a parameter; for a BatchNormalization the same for all four
	affine bool  // BatchNormalization: what is mixed is the affine map
}

// NewPlan assigns the weights of the selected layers that can be mixed to groups
// of gates. Layers that are identical in all parents need none. A parent with a NaN
// or an infinity in a layer is excluded there. An unknown granularity is an error of
// kind ErrOption.
func NewPlan(w *Weights, g Granularity) (*Plan, error) {
	p := &Plan{granularity: g, selection: w.selection, weights: w}
	index := map[string]int{}
	for i := range w.layers {
		l := &w.layers[i]
		planned := plannedLayer{layer: l.layer, affine: l.affine}
		for k := range l.layer.Params {
			name, units, err := g.groupOf(l, k)
			if err != nil {
				return nil, err
			}
			at, ok := index[name]
			if !ok {
				at = len(p.groups)
				index[name] = at
				p.groups = append(p.groups, group{name, units, make([]bool, p.parents()), g.ofElements(l.affine)})
			}
			planned.groups = append(planned.groups, at)
			for j, bad := range l.nonfinite {
				p.groups[at].excluded[j] = p.groups[at].excluded[j] || bad
			}
		}
		p.layers = append(p.layers, planned)
	}
	return p, nil
}

// ofElements says whether a layer's weights have gates of their own each.
func (g Granularity) ofElements(affine bool) bool { return g == ByElement && !affine }

// groupOf names the group of a layer's parameter and says how many units it has.
func (g Granularity) groupOf(l *layerWeights, param int) (name string, units int, err error) {
	switch g {
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
	case ByElement:
		if l.affine {
			return l.layer.Name, l.channels(), nil
		}
		p := &l.layer.Params[param]
		return l.layer.Name + " " + p.Role, sizeOf(p.Shape), nil
	}
	return "", 0, option.Errorf("granularity %q: want model, module, layer, channel, tensor or element", g)
}

// Granularity returns which weights share a gate.
func (p *Plan) Granularity() Granularity { return p.granularity }

// Selection returns the layers that the plan was made for.
func (p *Plan) Selection() *graphmatch.Selection { return p.selection }

// Groups returns the names of the groups of gates, in the order of LogAlpha and Coefficients.
func (p *Plan) Groups() []string {
	names := make([]string, len(p.groups))
	for g := range p.groups {
		names[g] = p.groups[g].name
	}
	return names
}

// LayerGroups returns the groups of a layer's parameters in their order, nil for a
// layer that the plan does not mix.
func (p *Plan) LayerGroups(l *graphmatch.Layer) []int {
	for i := range p.layers {
		if p.layers[i].layer.Name == l.Name {
			return slices.Clone(p.layers[i].groups)
		}
	}
	return nil
}

// Excluded says whether a parent's gates in a group are fixed at 0.
func (p *Plan) Excluded(group, parent int) bool { return p.groups[group].excluded[parent] }

// Exclusion fixes the gates of a parent in a group at 0.
type Exclusion struct{ Group, Parent int }

// Excluding returns the plan with more gates fixed at 0.
func (p *Plan) Excluding(list ...Exclusion) *Plan {
	if len(list) == 0 {
		return p
	}
	q := *p
	q.groups = slices.Clone(p.groups)
	for g := range q.groups {
		q.groups[g].excluded = slices.Clone(p.groups[g].excluded)
	}
	for _, e := range list {
		q.groups[e.Group].excluded[e.Parent] = true
	}
	return &q
}

// repairedBy returns the plan with layers repaired.
func (p *Plan) repairedBy(list []Repair) *Plan {
	q := *p
	q.repairs = list
	return &q
}

// Repaired says whether the plan rescales channels (see Repairer).
func (p *Plan) Repaired() bool { return len(p.repairs) > 0 }

// parents returns how many models are merged, J.
func (p *Plan) parents() int { return len(p.selection.Alignment.Models) }

// source returns what is mixed with the parents, nil where there is nothing.
func (p *Plan) source() *Source {
	if p.weights == nil { // of a recipe
		return nil
	}
	return p.weights.source
}

// base returns the model that gives the graph.
func (p *Plan) base() *onnx.Model { return p.selection.Alignment.Models[p.selection.Alignment.Base] }
