package search

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
)

// unmoved leaves all hidden units where they are.
func unmoved(s *graphmatch.Selection) *gating.UnitAlignment {
	return &gating.UnitAlignment{Selection: s, By: gating.PermuteNone, Parents: s.Alignment.Models}
}

// alignUnits brings the parents' hidden units into the base's order as the options say.
func (m *search) alignUnits(ctx context.Context) error {
	u, err := m.unitAlignment(ctx)
	if err != nil || u.By == gating.PermuteNone {
		return err
	}
	m.units, m.selection = u, u.Selection
	m.weights, m.plans = nil, map[gating.Granularity]*gating.Plan{} // not twice in memory
	m.weights, err = gating.LoadWeights(u.Selection)
	return err
}

// unitAlignment finds the order. Unasked for, units are reordered only where a parent
// that is no suspect (see gating.NewStart) is far from the base: the order of a broken
// parent's units says nothing.
func (m *search) unitAlignment(ctx context.Context) (*gating.UnitAlignment, error) {
	if m.Permute != PermuteAuto {
		return gating.AlignUnits(ctx, m.selection, m.learn, gating.UnitOptions{By: m.Permute, Seed: m.Learn.Seed})
	}
	far, err := unrelated(m.selection.Alignment, m.losses)
	if err != nil || !far {
		return unmoved(m.selection), err
	}
	if m.learn == nil {
		if u, err := m.unasked(ctx, gating.PermuteWeights); err == nil {
			return u, nil
		}
		return unmoved(m.selection), nil
	}
	return m.bestUnits(ctx)
}

// unrelated says whether some parent has weights far from the base's, where neither is a suspect: the
// order of a broken base's units would pull good parents apart. Losses may be nil where they are not known.
func unrelated(a *graphmatch.Alignment, losses []float64) (bool, error) {
	_, before, err := graphmatch.Hidden(a)
	in := slices.Repeat([]bool{true}, len(before))
	if losses != nil {
		in = gating.Trusted(losses)
	}
	for j, c := range before {
		if math.Abs(c) < graphmatch.Related && in[j] && in[a.Base] {
			return true, err
		}
	}
	return false, err
}

// unasked aligns units with the least effort.
func (m *search) unasked(ctx context.Context, by gating.Permutation) (*gating.UnitAlignment, error) {
	o := gating.UnitOptions{By: by, Seed: m.Learn.Seed, Searches: unaskedSearches}
	return gating.AlignUnits(ctx, m.selection, m.learn, o)
}

// bestUnits matches by weights and by activations, and keeps what gives the repaired
// average the lower loss on the first training samples. Unasked for, one search by
// weights has to do, none on large networks, and what cannot be matched is left as it is.
func (m *search) bestUnits(ctx context.Context) (*gating.UnitAlignment, error) {
	ways := []gating.Permutation{gating.PermuteWeights, gating.PermuteActivations}
	if m.weights.Count() > quickWeights {
		ways = ways[1:]
	}
	best, least := unmoved(m.selection), math.Inf(1)
	for _, by := range ways {
		u, err := m.unasked(ctx, by)
		loss := 0.0
		if err == nil && len(ways) > 1 {
			loss, err = m.averageLoss(ctx, u)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && loss < least:
			best, least = u, loss
		}
	}
	return best, nil
}

// averageLoss is the loss of the average of reordered parents, repaired where it can be.
func (m *search) averageLoss(ctx context.Context, u *gating.UnitAlignment) (float64, error) {
	w, err := gating.LoadWeights(u.Selection)
	if err != nil || w.Empty() {
		return math.NaN(), err
	}
	p, err := gating.NewPlan(w, gating.ByLayer)
	if err != nil {
		return math.NaN(), err
	}
	a := u.Selection.Alignment
	o := gating.WarmStartOptions{From: a.Base, Ways: atAverage}
	at, err := gating.NewWarmStart(ctx, p, m.learn, gating.NewRepairer(m.learn), make([]float64, len(a.Models)), o)
	if err != nil {
		return math.NaN(), err
	}
	return at.Loss, nil
}
