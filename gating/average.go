package gating

import (
	"context"
	"math"

	"github.com/softmerge/softmerge/graphmatch"
)

// Average merges the selected layers by their uniform average, without data:
// nothing is judged. A parent that has a NaN or an infinity in a layer is left out there.
func Average(s *graphmatch.Selection, o Options) (*Result, error) {
	o.Method = UniformMean
	o.setDefaults()
	m := &merge{Options: o, alignment: s.Alignment, parents: s.Alignment.Models, arranged: unmoved(s)}
	var err error
	if m.weights, err = LoadWeights(s); err != nil {
		return nil, err
	}
	if len(m.weights.layers) == 0 {
		return m.withoutGates(s)
	}
	if s, err = m.rearrange(context.Background(), s, nil); err != nil {
		return nil, err
	}
	p, err := NewPlan(m.weights, ByLayer)
	if err != nil {
		return nil, err
	}
	coeffs := p.Uniform(p.everyone())
	model, err := p.Bake(coeffs)
	if err != nil {
		return nil, err
	}
	unknown := Score{Loss: math.NaN(), Metric: math.NaN()}
	m.candidates = []Candidate{{Name: "uniform", Parent: -1, Chosen: true, Score: unknown, plan: p, coeffs: coeffs, model: model}}
	return m.result(s, &m.candidates[0]), nil
}
