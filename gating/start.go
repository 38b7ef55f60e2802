package gating

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// Init is where gates start.
type Init string

const (
	InitAuto   Init = "auto"   // by the parents' losses; parents much worse than the best are screened
	InitLosses Init = "losses" // by the parents' losses alone
	InitOpen   Init = "open"   // all gates open alike
)

// Where log a starts, chosen on the fixtures. The best parent starts clearly open; a
// parent whose loss is twice the best's starts one lower; none lower than nearly closed.
const (
	openStart   = 1.5
	closedStart = -3.0
	jitter      = 0.05 // standard deviation of the noise on log a, which tells equal parents apart
)

// Bounds of screening (see NewStart), chosen on the broken fixtures: a group of a
// suspect's weights in the average of the others is harmful from twice the loss plus
// one, and harmless up to a tenth more.
const (
	screenSamples  = 256 // training samples that suspects are tried on
	harmfulFactor  = 2.0
	harmfulOffset  = 1.0
	harmlessFactor = 1.1
)

// Start is where learning begins: log a for the gates of a plan, in which parents may
// have been excluded where they do harm.
type Start struct {
	Plan     *Plan
	LogAlpha LogAlpha
}

// StartOptions says where gates start. The zero value of a field means its default.
type StartOptions struct {
	Init Init   // default InitAuto
	Seed uint64 // of the jitter
}

// Validate returns the options with defaults filled in, or an error of kind ErrOption.
func (o StartOptions) Validate() (StartOptions, error) {
	option.Default(&o.Init, InitAuto)
	return o, option.OneOf("init", o.Init, InitAuto, InitLosses, InitOpen)
}

// NewStart returns where learning starts from: a softmax of the parents' losses on the
// training part, one a parent and NaN where not known, relative to the best, plus seeded jitter.
//
// A parent whose own loss puts it at the closed end is a suspect: broken, hostile,
// or of another task. InitAuto screens it: each group of its weights is tried alone in
// the average of the others. Where that does no harm the gate starts open, so that a
// single good layer can be used; where it ruins the loss the gate is excluded for good.
// InitLosses leaves the trial out, InitOpen the losses too.
func NewStart(ctx context.Context, p *Plan, e *Evaluator, losses []float64, o StartOptions) (Start, error) {
	o, err := o.Validate()
	if err != nil {
		return Start{}, err
	}
	own := startOf(losses)
	if o.Init == InitOpen {
		own = slices.Repeat([]float64{openStart}, len(losses))
	}
	noise := random.New(o.Seed, 0)
	a := LogAlpha{newNumbers(p)}
	for g := range p.groups {
		for j := range own {
			row := a.of(g, j)
			for u := range row {
				row[u] = own[j] + jitter*noise.Normal()
			}
		}
	}
	if o.Init != InitAuto {
		return Start{p, a}, nil
	}
	return p.screen(ctx, e.Head(screenSamples), own, a)
}

// Where log a starts beside a source: the source is clearly open, the parents nearly closed.
const (
	sourceStart = 2.0
	besideStart = -2.0
)

// NewSourceStart returns where gates of the parents and of a source computed from them start (see Source.Weights):
// beside the source, which is the last of the plan's models. Gates of suspects (see NewStart), by the parents' losses
// on the training part, are closed for good.
func NewSourceStart(p *Plan, losses []float64) Start {
	var suspects []Exclusion
	for j, good := range Trusted(losses) {
		for g := range p.groups {
			if !good {
				suspects = append(suspects, Exclusion{g, j})
			}
		}
	}
	p = p.Excluding(suspects...)
	a := LogAlpha{newNumbers(p)}
	for g := range p.groups {
		for j := range p.parents() {
			row := a.of(g, j)
			for u := range row {
				row[u] = besideStart
				if j == p.parents()-1 {
					row[u] = sourceStart
				}
			}
		}
	}
	return Start{p, a}
}

// NewFreeStart returns where free weights start: at those of one model of the plan.
func NewFreeStart(p *Plan, from int) Start {
	var others []Exclusion
	for g := range p.groups {
		for j := range p.parents() {
			if j != from {
				others = append(others, Exclusion{g, j})
			}
		}
	}
	p = p.Excluding(others...)
	return Start{p, LogAlpha{newNumbers(p)}}
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

// Trusted says which parents' losses on the training part leave them above the closed
// end: the others are suspects (see NewStart).
func Trusted(losses []float64) []bool { return trusted(startOf(losses)) }

func trusted(own []float64) []bool {
	in := make([]bool, len(own))
	for j, a := range own {
		in[j] = a > closedStart
	}
	return in
}

// screen tries every group of every suspect parent. own is where the parents' gates start by their losses.
func (p *Plan) screen(ctx context.Context, e *Evaluator, own []float64, a LogAlpha) (Start, error) {
	trusted := trusted(own)
	if !slices.Contains(trusted, false) || !slices.Contains(trusted, true) {
		return Start{p, a}, nil
	}
	f, err := e.forward(p.base(), p, e.data.Len())
	if err != nil {
		return Start{}, err
	}
	s := screening{plan: p, network: f, trusted: trusted, average: p.Average(trusted), start: LogAlpha{a.clone()}}
	score, err := f.score(ctx, s.average)
	if err != nil {
		return Start{}, err
	}
	s.without = score.Loss
	for j := range own {
		for g := range p.groups {
			if trusted[j] || p.groups[g].excluded[j] {
				continue
			}
			if err := s.try(ctx, g, j); err != nil {
				return Start{}, err
			}
		}
	}
	return Start{p.Excluding(s.harmful...), s.start}, nil
}

// screening is a screening of suspects under way.
type screening struct {
	plan    *Plan
	network *forward
	trusted []bool
	average Coefficients // of the trusted parents
	without float64      // its loss
	start   LogAlpha
	harmful []Exclusion
}

// try tries a group of a suspect's weights: it excludes what ruins the loss and opens what does no harm.
func (s *screening) try(ctx context.Context, g, j int) error {
	with, err := s.network.score(ctx, s.averageWith(g, j))
	if err != nil {
		return err
	}
	switch {
	case !(with.Loss < harmfulFactor*s.without+harmfulOffset):
		s.harmful = append(s.harmful, Exclusion{g, j})
	case with.Loss <= s.without*harmlessFactor:
		row := s.start.of(g, j)
		for u := range row {
			row[u] += openStart - closedStart
		}
	}
	return nil
}

// averageWith is the average of the trusted parents, with parent j added to it in group g alone.
func (s *screening) averageWith(g, j int) Coefficients {
	in := slices.Clone(s.trusted)
	in[j] = true
	with := Coefficients{numbers: numbers{s.average.parents, slices.Clone(s.average.groups)}}
	with.groups[g] = s.plan.Average(in).groups[g]
	return with
}
