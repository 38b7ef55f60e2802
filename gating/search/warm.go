package search

import (
	"cmp"
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating"
)

// warmStarts are the places of one granularity that were looked at.
type warmStarts struct {
	plan            *gating.Plan
	average, beside *gating.WarmStart // both on the way from the best parent
}

// warmStart returns where a trial of reordered parents starts: beside the best parent or
// at the average, nil where the place is not worth learning from or no parent's loss is known.
//
// Parents that are suspects (see gating.NewStart) take no part in the average, and their
// gates start as they do elsewhere.
func (m *search) warmStart(ctx context.Context, p *gating.Plan, at Place) (*gating.WarmStart, error) {
	order := ascending(m.losses)
	if len(order) == 0 {
		return nil, nil
	}
	best := order[0]
	if at == BesideSecond {
		if len(order) < 2 || m.losses[order[1]] > passableParent*m.losses[best] {
			return nil, nil
		}
		return m.newWarmStart(ctx, p, order[1], besideParent)
	}
	if err := m.lookAround(ctx, p, best); err != nil {
		return nil, err
	}
	better, other := m.warm.beside, m.warm.average
	if other.Loss <= better.Loss {
		better, other = other, better
	}
	switch {
	case at == BesideBest:
		return m.warm.beside, nil
	case at == Warm:
		return better, nil
	case other.Loss <= passableOther*m.losses[best]:
		return other, nil
	}
	return nil, nil
}

// lookAround finds the two places of the best parent for a plan, once.
func (m *search) lookAround(ctx context.Context, p *gating.Plan, best int) (err error) {
	if m.warm.plan == p {
		return nil
	}
	m.warm = warmStarts{plan: p}
	if m.warm.average, err = m.newWarmStart(ctx, p, best, atAverage); err != nil {
		return err
	}
	m.warm.beside, err = m.newWarmStart(ctx, p, best, besideParent)
	return err
}

func (m *search) newWarmStart(ctx context.Context, p *gating.Plan, from int, ways []float64) (*gating.WarmStart,
	error) {
	return gating.NewWarmStart(ctx, p, m.learn, m.repairer, m.losses, gating.WarmStartOptions{From: from, Ways: ways})
}

// ascending returns the indices of the finite numbers, smallest first.
func ascending(list []float64) []int {
	var order []int
	for i, v := range list {
		if v-v == 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[a], list[b]) })
	return order
}
