package gating

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
)

// Init is where gates start.
type Init string

const (
	InitAuto   Init = "auto"   // by the parents' losses; parents much worse than the best are tried layer by layer
	InitLosses Init = "losses" // by the parents' losses alone
	InitOpen   Init = "open"   // all gates open alike
)

// Where log a starts. The best parent starts clearly open; a parent whose loss is
// twice the best's starts one lower; none lower than nearly closed.
const (
	openStart   = 1.5
	closedStart = -3.0
	jitter      = 0.05
)

// screenSamples is how many training samples a suspect parent's layers are tried on.
const screenSamples = 256

// Start returns the log a that learning starts from: a softmax of the parents'
// losses on the training part, relative to the best, plus seeded jitter.
//
// A parent whose own loss puts it at the closed end is a suspect: broken, hostile,
// or of another task. Each group of its weights is tried alone in the average of
// the others. Where that does no harm the gate starts open, so that a single good
// layer can be used; where it ruins the loss the gate is shut for good. InitLosses
// leaves the trial out, InitOpen the losses too.
func Start(ctx context.Context, p *Plan, how Init, d *dataset.Data, obj Objective, losses []float64, seed uint64, w *kernel.Workers) ([][]float64, error) {
	own := startOf(losses)
	if how == InitOpen {
		own = slices.Repeat([]float64{openStart}, len(losses))
	}
	random := rand.New(rand.NewPCG(seed, 0))
	start := make([][]float64, len(p.Groups))
	for g, group := range p.Groups {
		for j := range own {
			for range group.Units {
				start[g] = append(start[g], own[j]+jitter*random.NormFloat64())
			}
		}
	}
	if how != InitAuto {
		return start, nil
	}
	return start, p.screen(ctx, d.Head(screenSamples), obj, own, start, w)
}

// startOf maps losses to log a; a loss that is no number counts as the worst.
func startOf(losses []float64) []float64 {
	best := math.Inf(1)
	for _, l := range losses {
		if l < best {
			best = l
		}
	}
	out := make([]float64, len(losses))
	for j, l := range losses {
		out[j] = openStart - (l-best)/math.Max(best, 1e-3)
		if !(out[j] > closedStart) {
			out[j] = closedStart
		}
	}
	return out
}

// trusted says which parents' own losses leave them above the closed end.
func trusted(own []float64) []bool {
	in := make([]bool, len(own))
	for j, a := range own {
		in[j] = a > closedStart
	}
	return in
}

// screen tries every group of every suspect parent.
func (p *Plan) screen(ctx context.Context, d *dataset.Data, obj Objective, own []float64, start [][]float64, w *kernel.Workers) error {
	trusted := trusted(own)
	if !slices.Contains(trusted, false) || !slices.Contains(trusted, true) {
		return nil
	}
	f, err := newForward(p.base(), d, obj.Output, d.Len(), p, w)
	if err != nil {
		return err
	}
	coeffs := p.Uniform(trusted)
	without, err := f.score(ctx, obj, coeffs)
	if err != nil {
		return err
	}
	for j := range own {
		if trusted[j] {
			continue
		}
		for g := range p.Groups {
			if p.Groups[g].Shut[j] {
				continue
			}
			with, err := f.tryGroup(ctx, obj, coeffs, p, g, j, trusted)
			if err != nil {
				return err
			}
			p.judge(g, j, without.Loss, with, start[g])
		}
	}
	return nil
}

// tryGroup is the loss with parent j added to the average in group g alone.
func (f *forward) tryGroup(ctx context.Context, obj Objective, coeffs [][]float64, p *Plan, g, j int, trusted []bool) (float64, error) {
	saved := coeffs[g]
	in := append([]bool{}, trusted...)
	in[j] = true
	coeffs[g] = p.Uniform(in)[g]
	s, err := f.score(ctx, obj, coeffs)
	coeffs[g] = saved
	return s.Loss, err
}

// judge shuts a gate that ruins the loss and opens one that does no harm.
func (p *Plan) judge(g, j int, without, with float64, start []float64) {
	units := p.Groups[g].Units
	switch {
	case !(with < 2*without+1):
		p.Groups[g].Shut[j] = true
	case with <= without*1.1:
		for u := range units {
			start[j*units+u] += openStart - closedStart
		}
	}
}
