package search

import (
	"context"
	"errors"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/network"
)

// source is a fold's transplant, and the parents' weights with it as one parent more.
type source struct {
	sought     bool
	transplant *gating.Source // nil where there is none
	weights    *gating.Weights
}

// sourcePlan returns a plan of the parents and of a transplant of them, nil where there is none.
func (m *search) sourcePlan(ctx context.Context, g gating.Granularity) (*gating.Plan, error) {
	s, err := m.transplant(ctx)
	if err != nil || s == nil {
		return nil, err
	}
	if m.source.weights == nil {
		if m.source.weights, err = s.Weights(); err != nil {
			return nil, err
		}
	}
	return gating.NewPlan(m.source.weights, g)
}

// transplant returns the transplant of the parents, made once; nil where none can be made: a graph that takes few
// samples at once, or one that is refused, has none.
func (m *search) transplant(ctx context.Context) (*gating.Source, error) {
	if m.source.sought {
		return m.source.transplant, nil
	}
	p, err := m.plan(gating.ByLayer)
	if err != nil {
		return nil, err
	}
	s, err := gating.Transplant(ctx, p, m.learn)
	if errors.Is(err, network.ErrUnsupported) || errors.Is(err, network.ErrShape) {
		s, err = nil, nil
	}
	if err == nil {
		m.source = source{sought: true, transplant: s}
	}
	return s, err
}

// suspects are the parents of which a trial has nothing, nil where it is no transplant of them alone.
func (m *search) suspects(t Trial) []bool {
	if !t.transplantAlone() || m.source.transplant == nil {
		return nil
	}
	return m.source.transplant.Suspects()
}

// transplanted is the transplant alone, nil where there is none.
func (m *search) transplanted(ctx context.Context) (*gating.Mixture, error) {
	s, err := m.transplant(ctx)
	if err != nil || s == nil {
		return nil, err
	}
	return s.Mixture()
}

// settled is a mixture as the weights that it gives: a number for each of them is not kept beside the parents.
func (m *search) settled(mixture *gating.Mixture) (*gating.Source, error) {
	model, err := mixture.Bake()
	if err != nil {
		return nil, err
	}
	p, err := m.plan(gating.ByLayer)
	if err != nil {
		return nil, err
	}
	return gating.NewSource(p, model)
}
