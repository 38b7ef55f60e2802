package search

import (
	"context"
	"errors"
	"math"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
)

// Average merges the selected layers without data, by their uniform average or by the method of package method that the
// options name: nothing is judged. A parent that has a NaN or an infinity in a layer is left out there. Parents
// whose weights do not go together, and a start that is none of theirs, are an error of kind graphmatch.ErrAlign,
// unless the options say to go on anyway.
func Average(ctx context.Context, s *graphmatch.Selection, o Options) (*Result, error) {
	if !static(o.Method) {
		o.Method = gating.Uniform
	}
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	if len(o.Static.Try) > 0 {
		return nil, badOption("nothing judges what is tried without data: name one method")
	}
	m := &search{Options: o, selection: s, units: unmoved(s), plans: map[gating.Granularity]*gating.Plan{}}
	if err := m.checkQuantised(); err != nil {
		return nil, err
	}
	m.describeDequantised()
	if m.weights, err = gating.LoadWeights(s); err != nil {
		return nil, err
	}
	m.warnOfCopies()
	if m.weights.Empty() {
		return m.withoutGates()
	}
	if err := errors.Join(m.blindEnds(), m.alignAlike(ctx), m.checkStart(ctx)); err != nil {
		return nil, err
	}
	t := Trial{Method: o.Method}
	mixture, err := m.plainMixture(ctx, t)
	if err != nil {
		return nil, err
	}
	model, err := mixture.Bake()
	if err != nil {
		return nil, err
	}
	m.candidates = []Candidate{{Name: t.Name(), Trial: &t, Parent: -1, Chosen: true, Score: unknown, Mixture: mixture,
		model: model}}
	return m.bareResult(&m.candidates[0]), nil
}

// unknown is the score of what was not judged.
var unknown = gating.Score{Loss: math.NaN(), Metric: math.NaN()}
