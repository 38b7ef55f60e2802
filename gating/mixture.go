package gating

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// Mixture is all that makes a merged model of the parents: coefficients for the gates
// of a plan and, where they were measured anew, normalisation statistics.
type Mixture struct {
	plan         *Plan
	coefficients Coefficients
	statistics   []Statistics
	static       *static // the method that merges; nil where the coefficients do
}

// NewMixture returns the parents mixed by coefficients of the plan.
func NewMixture(p *Plan, c Coefficients) *Mixture { return &Mixture{plan: p, coefficients: c} }

// Plan returns what is mixed.
func (m *Mixture) Plan() *Plan { return m.plan }

// Coefficients returns how it is mixed.
func (m *Mixture) Coefficients() Coefficients { return m.coefficients }

// Statistics returns the measured normalisation statistics, nil if there are none.
func (m *Mixture) Statistics() []Statistics { return slices.Clone(m.statistics) }

// Bake returns the base model with the mixed weights, as Plan.Bake does, and with the statistics.
func (m *Mixture) Bake() (*onnx.Model, error) {
	if len(m.statistics) == 0 {
		return m.bake((*baker).affine)
	}
	plain, err := m.bake((*baker).plain)
	if err != nil {
		return nil, err
	}
	return withStatistics(plain, m.statistics)
}

// Recalibrate returns the mixture with the statistics of its BatchNormalizations
// measured anew on the evaluator's samples: averaged weights have activations that the
// parents' statistics do not describe. Where there is nothing to measure, because the
// network has none or takes one sample at a time, it returns the mixture as it is.
func (m *Mixture) Recalibrate(ctx context.Context, e *Evaluator) (*Mixture, error) {
	plain, err := m.bake((*baker).plain)
	if err != nil || len(normNodes(plain)) == 0 || fixedBatch(plain) == 1 {
		return m, err
	}
	statistics, err := e.measure(ctx, plain)
	if err != nil {
		return nil, err
	}
	return &Mixture{m.plan, m.coefficients, statistics, m.static}, nil
}

// Recalibrated says whether the mixture has statistics of its own.
func (m *Mixture) Recalibrated() bool { return len(m.statistics) > 0 }
