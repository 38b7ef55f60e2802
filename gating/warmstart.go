package gating

import (
	"context"
	"github.com/softmerge/softmerge/gating/internal/option"
	"math"
	"slices"
)

// Parents of different seeds, even with their units in one order, lie in valleys
// of their own: on narrow networks gates that start half open start on the ridge
// between them and never come down. So learning begins where a part of the way from
// a good parent to the average has the least loss, on layers repaired for that place.

// WarmStart is a place to begin learning at, on the way from a parent to the average.
type WarmStart struct {
	Plan *Plan   // repaired for the place, where it can be
	From int     // the parent
	Way  float64 // how far from it to the average: 0 is the parent, 1 the average
	Loss float64 // there, on the first training samples

	losses []float64
}

// WarmStartOptions says where to look for a warm start.
type WarmStartOptions struct {
	From int       // the parent
	Ways []float64 // places to try, in 0..1; the one with the least loss is taken
}

// NewWarmStart finds the place with the least loss on the ways from a parent to the
// average of the parents that are no suspects by their losses on the training part
// (see NewStart). Layers are repaired by r for each place.
func NewWarmStart(ctx context.Context, p *Plan, e *Evaluator, r *Repairer, losses []float64,
	o WarmStartOptions) (*WarmStart, error) {
	if len(o.Ways) == 0 || o.From < 0 || o.From >= p.parents() {
		return nil, option.Errorf("a warm start from parent %d of %d on %d ways", o.From, p.parents(), len(o.Ways))
	}
	if at := slices.IndexFunc(o.Ways, func(w float64) bool { return !(w >= 0 && w <= 1) }); at >= 0 {
		return nil, option.Errorf("a warm start %v of the way to the average: want 0 to 1", o.Ways[at])
	}
	least := &WarmStart{p, o.From, o.Ways[0], math.Inf(1), losses}
	for _, way := range o.Ways {
		c := p.towardsAverage(o.From, way, Trusted(losses))
		q, err := r.Repair(ctx, p, c)
		if err != nil {
			return nil, err
		}
		f, err := e.Head(screenSamples).Mixtures(q)
		if err != nil {
			return nil, err
		}
		s, err := f.Score(ctx, c)
		if err != nil {
			return nil, err
		}
		if s.Loss < least.Loss {
			least = &WarmStart{q, o.From, way, s.Loss, losses}
		}
	}
	return least, nil
}

// Start is the warm start as Learn takes it: the gates give the coefficients of the
// place when combined so. Suspects' gates start nearly closed, or with InitAuto as
// screening finds (see NewStart).
func (w *WarmStart) Start(ctx context.Context, e *Evaluator, c Combine, how Init) (Start, error) {
	own := startOf(w.losses)
	a := w.Plan.startAt(w.From, w.Way, trusted(own), c)
	if how != InitAuto {
		return Start{w.Plan, a}, nil
	}
	return w.Plan.screen(ctx, e.Head(screenSamples), own, a)
}

// towardsAverage returns the coefficients part of the way from a parent to the
// average of those that are in. Where the parent is excluded, they are the average's.
func (p *Plan) towardsAverage(from int, way float64, in []bool) Coefficients {
	c := p.Average(in)
	for g := range p.groups {
		if p.groups[g].excluded[from] {
			continue
		}
		for i := range c.groups[g] {
			c.groups[g][i] *= way
		}
		for u := range c.of(g, from) {
			c.of(g, from)[u] += 1 - way
		}
	}
	return c
}

// startAt returns the log a whose gates give the coefficients of towardsAverage;
// gates of parents that are not in start nearly closed.
func (p *Plan) startAt(from int, way float64, in []bool, combine Combine) LogAlpha {
	a := LogAlpha{p.towardsAverage(from, way, in).numbers}
	for g, c := range a.groups {
		scale := 1.0
		if widest := slices.Max(c); combine != Sum && widest > 0 { // 0 where all that are in are excluded
			scale = bestOpen / widest
		}
		for j := range p.parents() {
			row := a.of(g, j)
			for u := range row {
				row[u] = logAlphaOf(row[u] * scale)
				if !in[j] {
					row[u] = closedStart
				}
			}
		}
	}
	return a
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
