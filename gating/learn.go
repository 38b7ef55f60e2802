package gating

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/softmerge/softmerge/onnx/advice"
)

// Learned is the result of Learn: gates of a plan.
type Learned struct {
	Plan     *Plan
	LogAlpha LogAlpha
	Combine  Combine
	affine   []*affine // per group; nil where there are none
	Steps    int       // batches tried, the skipped ones among them
	Skipped  int       // of these, without a finite loss and gradient: they moved no gate
	Elapsed  time.Duration
}

// Coefficients returns the coefficients of the learned gates without noise.
func (l *Learned) Coefficients() Coefficients {
	c := l.Plan.Coefficients(l.LogAlpha, l.Combine)
	if l.affine == nil {
		return c
	}
	return c.affined(l.affine)
}

// Rounded returns the coefficients of the learned gates rounded to 0 or 1.
func (l *Learned) Rounded() Coefficients { return l.Plan.Rounded(l.LogAlpha) }

// Learn minimises E_u[loss] + lambda * mean P(z != 0) over the gates of the start's
// plan by Adam. The mean is over a group's gates first, so that a layer with many
// channels weighs as much as one with few. Everything but the gates is frozen. Samples
// of each shape have a program of their own with the same gates, of which those used
// last are kept; every sample is seen equally often. It returns an error of kind
// network.ErrUnsupported, naming the node, if a gradient cannot reach a gate, one of kind
// ErrDiverged if no step had a finite loss, and one of kind ErrOption.
func Learn(ctx context.Context, s Start, e *Evaluator, o LearnOptions) (*Learned, error) {
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	t, err := newTrainer(s.Plan, e, s.LogAlpha, o)
	if err != nil {
		return nil, err
	}
	defer t.close()
	samples := e.data.Len()
	total := min(max(1, min(o.Epochs, math.MaxInt/samples)*samples/t.samples), o.MaxSteps)
	done, skipped := 0, 0
	for batches := range updates(e.data.Batches(o.Seed, t.forward.sizes...), t.samples) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.setRate(done, total)
		loss, moved, err := t.step(batches)
		if err != nil {
			return nil, err
		}
		done++
		if !moved {
			skipped++
		}
		if o.Progress != nil {
			o.Progress(done, total, loss)
		}
		if done == total {
			break
		}
	}
	if skipped == done {
		return nil, diverged(done)
	}
	return &Learned{s.Plan, t.logAlpha(), o.Combine, t.affines(), done, skipped, time.Since(began)}, nil
}

// updates divides batches into those of one update each, which have size samples
// on average: shapes with few samples make small batches, of which one alone
// would move the gates as much as a large one.
func updates(batches iter.Seq[[]int], size int) iter.Seq[[][]int] {
	return func(yield func([][]int) bool) {
		var pending [][]int
		seen, wanted := 0, size
		for rows := range batches {
			pending = append(pending, rows)
			if seen += len(rows); seen < wanted {
				continue
			}
			if !yield(pending) {
				return
			}
			pending, wanted = nil, wanted+size
		}
	}
}

func diverged(steps int) error {
	return advice.Errorf(ErrDiverged,
		"look for the parent that computes a NaN or an infinity with softmerge eval, and leave it out",
		"none of %d steps had a finite loss and gradient", steps)
}
