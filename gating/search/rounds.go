package search

import (
	"context"

	"github.com/softmerge/softmerge/gating"
)

// Free weights are trained in rounds, each a gating.Learn of its own from where the last one ended, with the learning
// rate up again (warm restarts, arXiv 1608.03983): a recurrent network still gains in a third, a convolutional one with
// normalisations often in none. Another round comes while the last one lowered the loss on the samples that judge; on
// all data, where nothing judges, come as many as the folds had use for. Of what judges only the number of rounds is
// learned so: it makes the candidate's figure a little too good, which the study of the choice counts in.

// rounds counts, by trial, the rounds that folds had use for.
type rounds map[Trial][]int

// usual is the mean of those of the folds, to the nearest; 1 of a trial that no fold has seen.
func (r rounds) usual(t Trial) int {
	sum := 0
	for _, n := range r[t] {
		sum += n
	}
	if n := len(r[t]); n > 0 {
		return (2*sum + n) / (2 * n)
	}
	return 1
}

// trained is what a trial trains on, after as many rounds as pay.
func (m *search) trained(ctx context.Context, t Trial) (*gating.Source, error) {
	p, err := m.planOf(ctx, t)
	if err != nil || p == nil {
		return nil, err
	}
	from := len(m.losses)
	if !t.Source {
		from = ascending(m.losses)[0]
	}
	e := m.learn
	if t.Source {
		if e, err = m.taughtLabels(ctx); err != nil {
			return nil, err
		}
	}
	best, err := m.round(ctx, 1, e, gating.NewFreeStart(p, from))
	if err != nil {
		return nil, err
	}
	if m.heldOut == nil {
		return m.again(ctx, m.rounds.usual(t), e, best)
	}
	best, n, err := m.patient(ctx, e, best)
	m.rounds[t] = append(m.rounds[t], n)
	return best, err
}

// patient trains on while that lowers the loss on the samples that judge by more than worthwhile, and says after how
// many rounds it ended.
func (m *search) patient(ctx context.Context, e *gating.Evaluator, best *gating.Source) (*gating.Source, int, error) {
	s, err := m.heldOut.Score(ctx, best.Model())
	if err != nil {
		return nil, 0, err
	}
	n := 1
	for ; n < m.Rounds; n++ {
		next, err := m.further(ctx, n+1, e, best)
		if err != nil {
			return best, n, silent(err, gating.ErrDiverged)
		}
		score, err := m.heldOut.Score(ctx, next.Model())
		if err != nil {
			return nil, n, err
		}
		if !(score.Loss < (1-worthwhile)*s.Loss) {
			break
		}
		best, s = next, score
	}
	return best, n, nil
}

// again trains on, for so many rounds in all.
func (m *search) again(ctx context.Context, rounds int, e *gating.Evaluator, best *gating.Source) (*gating.Source,
	error) {
	for n := 2; n <= rounds; n++ {
		next, err := m.further(ctx, n, e, best)
		if err != nil {
			return best, silent(err, gating.ErrDiverged)
		}
		best = next
	}
	return best, nil
}

// further trains for one round from a source.
func (m *search) further(ctx context.Context, n int, e *gating.Evaluator, s *gating.Source) (*gating.Source, error) {
	w, err := s.Weights()
	if err != nil {
		return nil, err
	}
	p, err := gating.NewPlan(w, gating.ByElement)
	if err != nil {
		return nil, err
	}
	return m.round(ctx, n, e, gating.NewFreeStart(p, len(m.losses)))
}

// round trains free weights once, for the n-th time.
func (m *search) round(ctx context.Context, n int, e *gating.Evaluator, start gating.Start) (*gating.Source, error) {
	o := m.Learn
	o.Free, o.Combine, o.Noiseless, o.L0 = true, gating.Convex, true, new(0.0)
	l, err := m.learnFrom(ctx, Event{Round: n}, e, start, o)
	if err != nil {
		return nil, err
	}
	return m.settled(gating.NewMixture(l.Plan, l.Coefficients()))
}
