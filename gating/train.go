package gating

import (
	"context"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Train learns weights of one model by gradient descent: those of the layers that patterns choose (see
// graphmatch.Alignment.Select), each weight a parameter of its own, which start where they are. All others are frozen.
// So whatever a graph has for an initializer can be learned, such as a router that was written into it. The options'
// Rate is that of gates: weights learn at freeRate of it. The result is a view of the model with the weights learned.
//
// Errors are those of Learn, and of kind graphmatch.ErrPattern of patterns.
func Train(ctx context.Context, m *onnx.Model, e *Evaluator, o LearnOptions, patterns ...string) (*onnx.Model, *Learned,
	error) {
	a, err := graphmatch.AlignStructure([]*onnx.Model{m}, 0)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.Select(patterns, nil)
	if err != nil {
		return nil, nil, err
	}
	w, err := LoadWeights(s)
	if err != nil {
		return nil, nil, err
	}
	p, err := NewPlan(w, ByElement)
	if err != nil {
		return nil, nil, err
	}
	o.Free, o.Noiseless, o.L0, o.Combine = true, true, new(0.0), Convex
	l, err := Learn(ctx, NewFreeStart(p, 0), e, o)
	if err != nil {
		return nil, nil, err
	}
	trained, err := NewMixture(l.Plan, l.Coefficients()).Bake()
	return trained, l, err
}
