package gating

import (
	"context"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/graphmatch"
)

// arrange brings the parents' hidden units into the base's order as the options
// say. Without data (in an average) nothing can be matched by activations.
//
// Unasked for, units are reordered only where a parent that is no suspect (see
// [Start]) is far from the base: the order of a broken parent's units says nothing.
func (m *merge) arrange(ctx context.Context, s *graphmatch.Selection, losses []float64) (*arrangement, error) {
	none := unmoved(s)
	switch m.Permute {
	case PermuteNone:
		return none, nil
	case PermuteWeights:
		return m.reorder(ctx, s, PermuteWeights, 0)
	case PermuteActivations:
		if m.train == nil {
			return nil, dataErr("add --data, or match by weights", "activations are matched on data and none is given")
		}
		return m.reorder(ctx, s, PermuteActivations, 0)
	case PermuteAuto:
		far, err := unrelated(s.Alignment, losses)
		if err != nil || !far {
			return none, err
		}
		return m.bestArrangement(ctx, s, none)
	}
	return nil, fmt.Errorf("permutation %q: want auto, none, weights or activations", m.Permute)
}

// unmoved is the arrangement that leaves all units where they are.
func unmoved(s *graphmatch.Selection) *arrangement {
	return &arrangement{selection: s, by: PermuteNone}
}

func (m *merge) reorder(ctx context.Context, s *graphmatch.Selection, by Permutation, restarts int) (*arrangement, error) {
	return reorder(ctx, s, by, restarts, m.train, m.objective.Output, m.Learn.Seed, m.workers)
}

// bestArrangement matches by weights and by activations, and keeps what gives the
// repaired average the lower loss on the first training samples. Unasked for, one search by
// weights has to do, none on large networks, and what cannot be matched is left as it is.
func (m *merge) bestArrangement(ctx context.Context, s *graphmatch.Selection, none *arrangement) (*arrangement, error) {
	if m.train == nil {
		if a, err := m.reorder(ctx, s, PermuteWeights, -1); err == nil {
			return a, nil
		}
		return none, nil
	}
	ways := []Permutation{PermuteWeights, PermuteActivations}
	if m.weights.count() > quickWeights {
		ways = ways[1:]
	}
	best, least := none, math.Inf(1)
	for _, by := range ways {
		a, err := m.reorder(ctx, s, by, -1)
		if err == nil && len(ways) > 1 {
			a.loss, err = m.averageLoss(ctx, a)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && a.loss < least:
			best, least = a, a.loss
		}
	}
	return best, nil
}

// averageLoss is the loss of the uniform average of an arrangement, repaired where it can be.
func (m *merge) averageLoss(ctx context.Context, a *arrangement) (float64, error) {
	w, err := LoadWeights(a.selection)
	if err != nil || len(w.layers) == 0 {
		return math.NaN(), err
	}
	p, err := NewPlan(w, ByLayer)
	if err != nil {
		return math.NaN(), err
	}
	defer func() { m.moments = nil }() // they are this arrangement's
	at, err := m.approach(ctx, p, a.selection.Alignment.Base, make([]float64, p.parents()), middle)
	if err != nil {
		return math.NaN(), err
	}
	return at.loss, nil
}
