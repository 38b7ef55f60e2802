package search

import (
	"context"
	"errors"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/network"
)

// source is the parents of a fold with a transplant of them (gating.Transplant) as one parent more.
type source struct {
	sought  bool
	weights *gating.Weights // nil where there is none
}

// sourcePlan returns a plan of the parents and of a transplant of them, nil where none can be made: a graph that
// takes few samples at once, or one that is refused, has none.
func (m *search) sourcePlan(ctx context.Context, g gating.Granularity) (*gating.Plan, error) {
	if !m.source.sought {
		w, err := m.transplant(ctx)
		if err != nil {
			return nil, err
		}
		m.source = source{true, w}
	}
	if m.source.weights == nil {
		return nil, nil
	}
	return gating.NewPlan(m.source.weights, g)
}

func (m *search) transplant(ctx context.Context) (*gating.Weights, error) {
	p, err := m.plan(gating.ByLayer)
	if err != nil {
		return nil, err
	}
	s, err := gating.Transplant(ctx, p, m.learn)
	switch {
	case errors.Is(err, network.ErrUnsupported), errors.Is(err, network.ErrShape):
		return nil, nil
	case err != nil || s == nil:
		return nil, err
	}
	return s.Weights()
}

// transplanted is the transplant alone.
func (m *search) transplanted(ctx context.Context) (*gating.Mixture, error) {
	p, err := m.sourcePlan(ctx, gating.ByLayer)
	if err != nil || p == nil {
		return nil, err
	}
	in := make([]bool, len(m.losses)+1)
	in[len(m.losses)] = true
	return gating.NewMixture(p, p.Average(in)), nil
}

// sourceStart is where gates of the parents and a transplant start: the transplant's open, those of suspects (see
// gating.NewStart) closed for good.
func (m *search) sourceStart(p *gating.Plan) gating.Start {
	var suspects []gating.Exclusion
	for j, good := range gating.Trusted(m.losses) {
		for g := range p.Groups() {
			if !good {
				suspects = append(suspects, gating.Exclusion{Group: g, Parent: j})
			}
		}
	}
	return gating.NewSourceStart(p.Excluding(suspects...))
}
