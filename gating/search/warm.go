package search

import (
	"cmp"
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx"
)

// warmStarts are the places of one granularity that were looked at.
type warmStarts struct {
	plan            *gating.Plan
	average, beside *gating.WarmStart // both on the way from the best parent
}

// warmStart returns where a trial of reordered parents starts: beside the best parent or
// at the average.
//
// Parents that are suspects (see gating.NewStart) take no part in the average, and their
// gates start as they do elsewhere.
func (m *search) warmStart(ctx context.Context, p *gating.Plan, at Place) (*gating.WarmStart, error) {
	if err := m.lookAround(ctx, p, ascending(m.losses)[0]); err != nil {
		return nil, err
	}
	if at == Warm && m.warm.average.Loss <= m.warm.beside.Loss {
		return m.warm.average, nil
	}
	return m.warm.beside, nil
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
		if onnx.Finite(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[a], list[b]) })
	return order
}
