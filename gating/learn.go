package gating

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
)

// LearnConfig says how gates are learned.
type LearnConfig struct {
	Epochs    int     // passes over the data
	MaxSteps  int     // bound on updates; 0 for none
	BatchSize int     // samples an update, on average where they differ in shape
	Rate      float64 // Adam's learning rate
	L0        float64 // lambda, the weight of the mean P(z != 0): over a group's gates first, so that a layer with many channels weighs as much as one with few
	Combine   Combine
	Seed      uint64 // of the order of samples and of the gates' noise
	Workers   *kernel.Workers
	Progress  func(step, steps int, loss float64) // called after every update; may be nil
}

// Learned is the result of Learn.
type Learned struct {
	LogAlpha [][]float64 // per group, parent by parent
	Steps    int         // batches tried, the skipped ones among them
	Skipped  int         // of these, without a finite loss and gradient: they moved no gate
	Elapsed  time.Duration
}

// Learn minimises E_u[loss] + lambda * mean P(z != 0) over the gates of the plan
// by Adam, from start. Everything but the gates is frozen. Samples of each shape
// have a program of their own with the same gates, of which those used last are
// kept; every sample is seen equally often. It returns an error of
// kind network.ErrUnsupported, naming the node, if a gradient cannot reach a
// gate, and one of kind ErrDiverged if no step had a finite loss.
func Learn(ctx context.Context, p *Plan, d *dataset.Data, obj Objective, start [][]float64, c LearnConfig) (*Learned, error) {
	learned, err := learn(ctx, p, d, obj, start, c)
	runtime.GC() // most of the heap was the program's: without this, what follows takes as much again
	return learned, err
}

// garbage is how much of the heap may be garbage while gates are learned, in percent of what is in use. Nearly all of it
// are large arrays without pointers that stay to the end: to mark them costs nothing, to let the heap double costs memory.
const garbage = 25

func learn(ctx context.Context, p *Plan, d *dataset.Data, obj Objective, start [][]float64, c LearnConfig) (*Learned, error) {
	began := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	t, err := newTrainer(p, d, obj, start, c)
	if err != nil {
		return nil, err
	}
	defer t.close()
	total := max(1, min(c.Epochs, math.MaxInt/d.Len())*d.Len()/t.samples)
	if c.MaxSteps > 0 {
		total = min(total, c.MaxSteps)
	}
	done, skipped := 0, 0
	for batches := range updates(d.Batches(c.Seed, t.forward.sizes...), t.samples) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.setRate(c.Rate, done, total)
		loss, moved, err := t.step(batches)
		if err != nil {
			return nil, err
		}
		done++
		if !moved {
			skipped++
		}
		if c.Progress != nil {
			c.Progress(done, total, loss)
		}
		if done == total {
			break
		}
	}
	if skipped == done {
		return nil, diverged(done)
	}
	return &Learned{LogAlpha: t.logAlpha(), Steps: done, Skipped: skipped, Elapsed: time.Since(began)}, nil
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
	return &hinted{ErrDiverged, fmt.Sprintf("none of %d steps had a finite loss and gradient", steps),
		"look for the parent that computes a NaN or an infinity with softmerge eval, and leave it out"}
}
