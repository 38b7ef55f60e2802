package gating

import (
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// AsBase returns the base's graph with the weights of another of the alignment's models in all layers: the model
// without what stands at its ends alone, and with what stands there in the base. Layers that do not fit are the base's.
// It is nil where there is no telling: none fits, or one of the model's is not finite.
func AsBase(a *graphmatch.Alignment, model int) (*onnx.Model, error) {
	s := &graphmatch.Selection{Alignment: a}
	for i := range a.Layers {
		if a.Layers[i].Mergeable() {
			s.Layers = append(s.Layers, i)
		}
	}
	if len(s.Layers) == 0 {
		return nil, nil
	}
	w, err := LoadWeights(s)
	if err != nil {
		return nil, err
	}
	for _, i := range s.Layers {
		if bad := w.Nonfinite(&a.Layers[i]); bad != nil && bad[model] {
			return nil, nil
		}
	}
	p, err := NewPlan(w, ByLayer)
	if err != nil {
		return nil, err
	}
	in := make([]bool, len(a.Models))
	in[model] = true
	return p.Bake(p.Average(in))
}
