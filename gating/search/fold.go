package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/method"
)

// fold is a division of the data into what learns and what judges, and what was learned there.
type fold struct {
	number   int               // from 1 on; 0 where all data learns
	learn    *gating.Evaluator // on the data that gates learn from
	heldOut  *gating.Evaluator // on the data that no gate saw; nil where nothing is judged
	scores   []gating.Score    // of the parents on the data to learn from; NaN where one cannot be run
	losses   []float64         // of these
	repairer *gating.Repairer
	warm     warmStarts
	source   source
	mixed    mixed   // the trial mixed last
	last     learned // the gates learned last
}

func newFold(learn, judge *gating.Evaluator) fold {
	return fold{learn: learn, heldOut: judge, repairer: gating.NewRepairer(learn)}
}

// divide decides how the data is divided into what learns and what judges: by held-out
// data of its own, by cross-validation, or by a share that is split off.
func (m *search) divide(d *dataset.Data) error {
	whole := m.learn
	learn, judge, err := whole, whole, error(nil)
	switch m.folds = m.foldsOf(d.Len(), whole.Objective().Only().Taught()); {
	case m.HeldOut != nil:
		if err = dataset.CheckOverlap(d, m.HeldOut); err == nil {
			judge, err = whole.On(m.HeldOut)
		}
		m.heldOut = judge
	case m.folds == 1:
		learn, judge, err = whole.Split(m.share(), m.Learn.Seed)
		m.split = fold{learn: learn, heldOut: judge}
	}
	if err != nil {
		return err
	}
	m.objective = DescribeObjective(judge.Objective(), judge.Data())
	m.data = DescribeData(learn.Data(), judge.Data())
	if m.folds > 1 {
		m.data.Folds = m.folds
	}
	return nil
}

// foldsOf is into how many folds a number of samples is divided, which an ensemble may have labelled; 1 is no
// cross-validation.
func (m *search) foldsOf(samples int, taught bool) int {
	learning := foldedSamples
	if taught {
		learning = taughtSamples
	}
	switch {
	case m.HeldOut != nil, m.Folds == 0 && m.Holdout != 0:
		return 1
	case m.Folds != 0:
		return m.Folds
	case samples < crossValidated:
		return max(leastFolds, min(mostFolds, samples, 1+learning/samples))
	}
	return 1
}

// share is the part of the data that judges where there is one division.
func (m *search) share() float64 {
	if m.Holdout == 0 {
		return DefaultHoldout
	}
	return m.Holdout
}

// judge runs all trials on every fold of the data and joins what the folds say.
func (m *search) judge(ctx context.Context) error {
	trials := m.trials(m.circumstances())
	whole := m.fold
	for i := range m.folds {
		if err := m.enter(ctx, whole, i); err != nil {
			return err
		}
		m.grouped.names = m.heldOut.Data().GroupNames()
		m.grouped.of = append(m.grouped.of, m.heldOut.Data().Groups()...)
		if err := m.judgeParents(ctx); err != nil {
			return err
		}
		for _, t := range trials {
			if err := m.try(ctx, t); err != nil {
				return err
			}
		}
	}
	m.fold = whole
	m.join()
	return nil
}

// enter makes the i-th fold the one that learns and judges.
func (m *search) enter(ctx context.Context, whole fold, i int) error {
	if m.HeldOut != nil {
		return nil
	}
	learn, judge, err := m.split.learn, m.split.heldOut, error(nil)
	if m.folds > 1 {
		learn, judge, err = whole.learn.Fold(i, m.folds, m.Learn.Seed)
	}
	if err != nil {
		return err
	}
	m.fold = newFold(learn, judge)
	m.number = i + 1
	return m.scoreParents(ctx)
}

// try runs a trial and judges its mixture, if it gives one.
func (m *search) try(ctx context.Context, t Trial) error {
	c := Candidate{Parent: -1, tried: t}
	made, err := m.made(ctx, t, &c)
	if c.Mixture != nil {
		t.Repaired = c.Mixture.Plan().Repaired()
	}
	c.Name, c.Trial = t.Name(), &t
	switch {
	case errors.Is(err, gating.ErrDiverged):
		m.fail(c, err)
		return nil
	case err != nil || !made:
		return err
	}
	s, err := m.heldOut.Score(ctx, c.model)
	switch {
	case errors.Is(err, method.ErrMethod): // values are computed when they are read
		m.fail(c, err)
		return nil
	case err == nil:
		m.list(c, s)
	}
	return err
}

// fail lists a candidate that has no score.
func (m *search) fail(c Candidate, why error) {
	c.Failure = why
	m.list(c, gating.Score{Loss: math.NaN(), Metric: math.NaN(), Samples: m.heldOut.Data().Len()})
}

// list adds a candidate to the table, or what this fold says of it to what others said.
func (m *search) list(c Candidate, s gating.Score) {
	at := slices.IndexFunc(m.candidates, func(old Candidate) bool {
		return old.Parent == c.Parent && old.tried == c.tried
	})
	if at < 0 {
		at = len(m.candidates)
		m.candidates = append(m.candidates, c)
	}
	listed := &m.candidates[at]
	if listed.folds = append(listed.folds, s); listed.Failure == nil {
		listed.Failure = c.Failure
	}
	c.Score = s
	m.report(Event{Stage: "candidate", Fold: m.number, Candidate: &c})
}

// join gives every candidate its score on all folds.
func (m *search) join() {
	for i := range m.candidates {
		m.candidates[i].join(m.folds)
		if m.candidates[i].tried.Method == gating.FineTuned {
			m.candidates[i].Rounds = m.rounds.usual(m.candidates[i].tried.learning())
		}
		m.explainNonfinite(&m.candidates[i])
	}
}

// join makes one score of those of the folds. What has none in some fold has no score.
func (c *Candidate) join(folds int) {
	if c.Failure == nil && len(c.folds) < folds {
		c.Failure = fmt.Errorf("it came about in %d of %d folds", len(c.folds), folds)
	}
	switch {
	case c.Failure != nil:
		c.Score = gating.Score{Loss: math.NaN(), Metric: math.NaN()}
		c.Mixture, c.Made, c.model = nil, nil, nil
		for _, s := range c.folds {
			c.Score.Samples += s.Samples
		}
	case folds == 1:
		c.Score = c.folds[0]
	default:
		c.Score = gating.JoinScores(c.folds...)
	}
}
