package gating

import (
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// AsBase returns the base's graph with the weights of another of the alignment's models in all layers: the model
// without what stands at its ends alone, and with what stands there in the base. It is nil where not all of the model's
// layers fit the base's, so that more than its ends are its own.
func AsBase(a *graphmatch.Alignment, model int) (*onnx.Model, error) {
	s := &graphmatch.Selection{Alignment: a}
	for i := range a.Layers {
		switch l := &a.Layers[i]; {
		case l.Aside:
		case !l.Mergeable():
			return nil, nil
		default:
			s.Layers = append(s.Layers, i)
		}
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
