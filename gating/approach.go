package gating

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Parents of different seeds, even with their units in one order, lie in valleys
// of their own: on narrow networks gates that start half open start on the ridge
// between them and never come down. So learning begins where a part of the way from
// a good parent to the average has the least loss, on layers repaired for that place.

// middle is the whole way to the average, near are parts of it.
var (
	middle = []float64{1}
	near   = []float64{0.5, 0.25}
)

// Bounds on losses, as multiples of the best parent's: starts that are worse are
// not worth learning from.
const (
	passableOther  = 3.0
	passableParent = 2.0
)

// quickWeights is how many weights a parent's mixed layers may have for tries
// beyond the first: on larger networks they take minutes nobody asked for.
const quickWeights = 1_000_000

// approach is a place to begin learning at.
type approach struct {
	plan *Plan   // repaired for the place, where it can be
	from int     // the parent
	way  float64 // how far from it to the average
	loss float64 // there, on the first training samples
}

// judgeApproaches learns gates of parents whose hidden units were reordered, from
// the better of the average and the best parent's neighbourhood.
//
// Parents that are suspects (see [Start]) take no part in the average, and their
// gates start as they do elsewhere.
func (m *merge) judgeApproaches(ctx context.Context, p *Plan, losses []float64) error {
	best := ascending(losses)[0]
	average, err := m.approach(ctx, p, best, losses, middle)
	if err != nil {
		return err
	}
	beside, err := m.approach(ctx, p, best, losses, near)
	if err != nil {
		return err
	}
	first, other := beside, average
	if average.loss <= beside.loss {
		first, other = average, beside
	}
	name := "soft:" + string(p.Granularity)
	if first.plan != p {
		name += "+repaired"
	}
	if err := m.judgeFrom(ctx, name, first, losses, m.Learn.Combine, true); err != nil {
		return err
	}
	if p.Granularity != ByChannel || m.weights.count() > quickWeights {
		return nil
	}
	return m.judgeMore(ctx, name, p, losses, beside, other)
}

// judgeMore tries, channel by channel, what else may be worth it: gates that need
// not add up to one, which can undo the loss of variance, and the other place and
// the second parent's neighbourhood, where these are not much worse than the best parent.
func (m *merge) judgeMore(ctx context.Context, name string, p *Plan, losses []float64, beside, other *approach) error {
	if m.Learn.Combine == "" {
		if err := m.judgeFrom(ctx, name+":sum", beside, losses, Sum, false); err != nil {
			return err
		}
	}
	order := ascending(losses)
	if other.loss <= passableOther*losses[order[0]] {
		if err := m.judgeFrom(ctx, name+":other", other, losses, m.Learn.Combine, false); err != nil {
			return err
		}
	}
	if len(order) < 2 || losses[order[1]] > passableParent*losses[order[0]] {
		return nil
	}
	second, err := m.approach(ctx, p, order[1], losses, near)
	if err != nil {
		return err
	}
	return m.judgeFrom(ctx, name+":second", second, losses, m.Learn.Combine, false)
}

// judgeFrom learns from a place.
func (m *merge) judgeFrom(ctx context.Context, name string, a *approach, losses []float64, combine Combine, rounded bool) error {
	own := startOf(losses)
	start := a.plan.startAt(a.from, a.way, trusted(own), combine)
	if m.Init == InitAuto {
		if err := a.plan.screen(ctx, m.train.Head(screenSamples), m.objective, own, start, m.workers); err != nil {
			return err
		}
	}
	return m.judgeLearned(ctx, name, a.plan, start, combine, rounded)
}

// approach returns the place with the least loss on the ways from a parent to the average.
func (m *merge) approach(ctx context.Context, p *Plan, from int, losses []float64, ways []float64) (*approach, error) {
	in := trusted(startOf(losses))
	least := &approach{plan: p, from: from, way: ways[0], loss: math.Inf(1)}
	for _, way := range ways {
		coeffs := p.towardsAverage(from, way, in)
		q, err := m.repaired(ctx, p, coeffs)
		if err != nil {
			return nil, err
		}
		if q == nil {
			q = p
		}
		f, err := newForward(q.base(), m.train.Head(screenSamples), m.objective.Output, m.evalBatch(), q, m.workers)
		if err != nil {
			return nil, err
		}
		s, err := f.score(ctx, m.objective, coeffs)
		if err != nil {
			return nil, err
		}
		if s.Loss < least.loss {
			least = &approach{q, from, way, s.Loss}
		}
	}
	return least, nil
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

// towardsAverage returns the coefficients part of the way from a parent to the
// uniform average of those that are in. Where the parent is shut, they are the average's.
func (p *Plan) towardsAverage(from int, way float64, in []bool) [][]float64 {
	coeffs := p.Uniform(in)
	for g, group := range p.Groups {
		if group.Shut[from] {
			continue
		}
		for i := range coeffs[g] {
			coeffs[g][i] *= way
			if i/group.Units == from {
				coeffs[g][i] += 1 - way
			}
		}
	}
	return coeffs
}

// startAt returns the log a whose gates give the coefficients of towardsAverage;
// gates of parents that are not in start nearly closed.
func (p *Plan) startAt(from int, way float64, in []bool, combine Combine) [][]float64 {
	start := p.towardsAverage(from, way, in)
	for g, group := range p.Groups {
		scale := 1.0
		if widest := slices.Max(start[g]); combine != Sum && widest > 0 { // 0 where all that are in are shut
			scale = bestOpen / widest
		}
		for i, c := range start[g] {
			start[g][i] = logAlphaOf(c * scale)
			if !in[i/group.Units] {
				start[g][i] = closedStart
			}
		}
	}
	return start
}

// bestOpen is how far open the widest of a layer's convex gates starts, mostOpen the widest of all: a gate
// that is fully open has no gradient.
var bestOpen = Gate(openStart)

const mostOpen = 0.95

// logAlphaOf is the inverse of Gate for z in [0, mostOpen].
func logAlphaOf(z float64) float64 {
	s := (math.Min(z, mostOpen) - gamma) / (zeta - gamma)
	return math.Log(s / (1 - s))
}
