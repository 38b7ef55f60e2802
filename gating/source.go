package gating

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Source is a model computed from the parents, such as a Transplant, that can be mixed
// with them as one parent more. It never changes.
type Source struct {
	selection *graphmatch.Selection // of the parents
	tensors   []SourceTensor
	model     *onnx.Model
	suspects  []bool // by parent; nil but of a transplant
}

// SourceTensor holds a source's values of one parameter of a layer.
type SourceTensor struct {
	Layer  string `json:"layer"`
	Role   string `json:"role"`
	Values []byte `json:"values"` // float32, least significant byte first, in the base's layout
}

// NewSource returns the source that has a model's values of a plan's layers. The model is the base
// with other weights there.
func NewSource(p *Plan, m *onnx.Model) (*Source, error) {
	a := p.selection.Alignment
	joined, err := join(a, m)
	if err != nil {
		return nil, err
	}
	s := &Source{selection: p.selection}
	for _, l := range p.layers {
		at := slices.IndexFunc(joined.Layers, func(o graphmatch.Layer) bool { return o.Name == l.layer.Name })
		if at < 0 {
			return nil, recipeErr("layer %q is lost beside a model made of it", l.layer.Name)
		}
		for k := range joined.Layers[at].Params {
			param := &joined.Layers[at].Params[k]
			values, err := joined.Floats(param, len(a.Models), nil)
			if err != nil {
				return nil, err
			}
			s.tensors = append(s.tensors, SourceTensor{l.layer.Name, param.Role, encoded(values)})
		}
	}
	s.model, err = bakeTensors(a, s.tensors)
	return s, err
}

// Suspects says of each parent whether a Transplant took nothing of it for its loss; nil for other sources.
func (s *Source) Suspects() []bool { return slices.Clone(s.suspects) }

// Model returns the source as a model: the base with the source's weights.
func (s *Source) Model() *onnx.Model { return s.model }

// Weights returns the weights of the parents' selected layers and, behind them, of the source. Plans of them have gates
// for one parent more, and their mixtures' recipes hold the source.
func (s *Source) Weights() (*Weights, error) {
	joined, err := join(s.selection.Alignment, s.model)
	if err != nil {
		return nil, err
	}
	moved, err := moveSelection(s.selection, joined)
	if err != nil {
		return nil, err
	}
	w, err := LoadWeights(moved)
	if err == nil {
		w.source = s
	}
	return w, err
}

// Mixture returns the source alone, as a mixture of the parents and it in which only it counts: its recipe holds the
// weights.
func (s *Source) Mixture() (*Mixture, error) {
	w, err := s.Weights()
	if err != nil {
		return nil, err
	}
	p, err := NewPlan(w, ByLayer)
	if err != nil {
		return nil, err
	}
	in := make([]bool, p.parents())
	in[len(in)-1] = true
	return NewMixture(p, p.Average(in)), nil
}

// join aligns the models of an alignment and one more.
func join(a *graphmatch.Alignment, m *onnx.Model) (*graphmatch.Alignment, error) {
	return graphmatch.Align(append(slices.Clone(a.Models), m), a.Base)
}

// bakeTensors returns the base with other weights. Tensors that fit no layer of the alignment are of kind ErrRecipe.
func bakeTensors(a *graphmatch.Alignment, list []SourceTensor) (*onnx.Model, error) {
	p := &Plan{selection: &graphmatch.Selection{Alignment: a}}
	b := &baker{plan: p, coefficients: Coefficients{numbers: numbers{len(a.Models),
		[][]float64{make([]float64, len(a.Models))}}},
		given: map[string][]float32{}}
	for i := range list {
		t := &list[i]
		layer, k := findParam(a, t.Layer, t.Role)
		if layer == nil || !layer.Mergeable() {
			return nil, recipeErr("the source's %s of layer %q is no weight of the models", t.Role, t.Layer)
		}
		if n := sizeOf(layer.Params[k].Shape); len(t.Values) != 4*n {
			return nil, recipeErr("the source's %s of layer %q has %d bytes, want %d", t.Role, t.Layer, len(t.Values),
				4*n)
		}
		values := decoded(t.Values)
		if !onnx.AllFinite(values) {
			return nil, recipeErr("the source's %s of layer %q has a NaN or an infinity", t.Role, t.Layer)
		}
		b.given[t.Layer+"."+t.Role] = values
		if n := len(p.layers); n == 0 || p.layers[n-1].layer != layer {
			p.layers = append(p.layers, plannedLayer{layer: layer, groups: make([]int, len(layer.Params))})
		}
	}
	for _, l := range p.layers {
		for k := range l.layer.Params {
			if b.given[l.layer.Name+"."+l.layer.Params[k].Role] == nil {
				return nil, recipeErr("the source has no %s for layer %q", l.layer.Params[k].Role, l.layer.Name)
			}
		}
	}
	return b.bake((*baker).plain)
}

// findParam finds a parameter by its layer's name and its role; nil where there is none.
func findParam(a *graphmatch.Alignment, name, role string) (*graphmatch.Layer, int) {
	for i := range a.Layers {
		if a.Layers[i].Name != name {
			continue
		}
		k := slices.IndexFunc(a.Layers[i].Params, func(p graphmatch.Param) bool { return p.Role == role })
		if k >= 0 {
			return &a.Layers[i], k
		}
	}
	return nil, -1
}

func encoded(values []float32) []byte {
	out := make([]byte, 0, 4*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func decoded(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}
