package search

import (
	"context"
	"errors"

	"github.com/softmerge/softmerge/gating"
)

// mixture returns what a trial mixes, nil where there is nothing to repair, to recalibrate or to round.
func (m *search) mixture(ctx context.Context, t Trial) (*gating.Mixture, error) {
	if t.Recalibrated {
		return m.recalibrated(ctx, t)
	}
	if m.mixed.trial != t {
		mixture, err := m.plainMixture(ctx, t)
		m.mixed = mixed{t, mixture, err}
	}
	return m.mixed.Mixture, m.mixed.err
}

// mixed is what a trial mixed, kept for the trial that recalibrates it.
type mixed struct {
	trial Trial
	*gating.Mixture
	err error
}

// recalibrated measures the statistics of a trial anew. A trial that gave nothing has said so itself.
func (m *search) recalibrated(ctx context.Context, t Trial) (*gating.Mixture, error) {
	t.Recalibrated = false
	plain, err := m.mixture(ctx, t)
	if err != nil || plain == nil {
		return nil, silent(err, gating.ErrDiverged)
	}
	again, err := plain.Recalibrate(ctx, m.learn)
	if err != nil || !again.Recalibrated() {
		return nil, err
	}
	return again, nil
}

// plainMixture returns what a trial mixes with the statistics that the parents have.
func (m *search) plainMixture(ctx context.Context, t Trial) (*gating.Mixture, error) {
	switch t.Method {
	case gating.Uniform:
		return m.uniform(ctx, t.Repaired)
	case gating.Greedy:
		return m.greedy(ctx)
	case gating.Transplanted:
		return m.transplanted(ctx)
	case gating.FineTuned:
		s, err := m.trained(ctx, t)
		if err != nil || s == nil {
			return nil, err
		}
		return s.Mixture()
	}
	if merge := m.Static.merge(t.Method); merge != nil {
		return m.static(t.Method, merge)
	}
	l, err := m.learnedGates(ctx, t.learning())
	switch {
	case err != nil && t.Rounded:
		return nil, silent(err, gating.ErrDiverged)
	case err != nil || l == nil:
		return nil, err
	case t.Rounded:
		return gating.NewMixture(l.Plan, l.Rounded()), nil
	}
	mixture := gating.NewMixture(l.Plan, l.Coefficients())
	if t.Granularity == gating.ByElement {
		s, err := m.settled(mixture)
		if err != nil {
			return nil, err
		}
		return s.Mixture()
	}
	return mixture, nil
}

// silent drops an error of a kind that is reported elsewhere.
func silent(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

// uniform is the average of all parents.
func (m *search) uniform(ctx context.Context, repaired bool) (*gating.Mixture, error) {
	p, err := m.plan(gating.ByLayer)
	if err != nil {
		return nil, err
	}
	c := p.Average(nil)
	if !repaired {
		return gating.NewMixture(p, c), nil
	}
	q, err := m.repairer.Repair(ctx, p, c)
	if err != nil || !q.Repaired() {
		return nil, err
	}
	return gating.NewMixture(q, c), nil
}

// plan returns the plan of a granularity, made once.
func (m *search) plan(g gating.Granularity) (*gating.Plan, error) {
	if p := m.plans[g]; p != nil {
		return p, nil
	}
	p, err := gating.NewPlan(m.weights, g)
	if err == nil {
		m.plans[g] = p
	}
	return p, err
}

// learned is the outcome of learning for a trial, kept for those that round and recalibrate its gates.
type learned struct {
	trial Trial
	*gating.Learned
	err error
}

// learnedGates learns the gates of a trial, once.
func (m *search) learnedGates(ctx context.Context, t Trial) (*gating.Learned, error) {
	if m.last.trial == t {
		return m.last.Learned, m.last.err
	}
	m.last = learned{trial: t}
	m.last.Learned, m.last.err = m.learnGates(ctx, t)
	return m.last.Learned, m.last.err
}

func (m *search) learnGates(ctx context.Context, t Trial) (*gating.Learned, error) {
	p, err := m.planOf(ctx, t)
	if err != nil || p == nil {
		return nil, err
	}
	o := m.Learn
	if t.Source { // on top of weights that fit already, noise and closed gates only cost accuracy
		o.Noiseless, o.L0 = true, new(0.0)
	}
	if t.Combine != "" {
		o.Combine = t.Combine
	}
	start, err := m.start(ctx, p, t, o.Combine)
	if err != nil {
		return nil, err
	}
	return m.learnFrom(ctx, Event{Granularity: t.Granularity}, m.learn, start, o)
}

// learnFrom learns from a start on, with news of it that say what is learned.
func (m *search) learnFrom(ctx context.Context, news Event, e *gating.Evaluator, start gating.Start,
	o gating.LearnOptions) (*gating.Learned, error) {
	news.Stage, news.Fold, news.Folds = "learn", m.number, m.folds
	o.Progress = func(step, steps int, loss float64) {
		news.Step, news.Steps, news.Loss = step, steps, loss
		m.report(news)
	}
	l, err := gating.Learn(ctx, start, e, o)
	if err != nil {
		return nil, err
	}
	m.steps += l.Steps
	m.learningFor += l.Elapsed
	return l, nil
}

// planOf returns the plan of a trial, nil where there is none.
func (m *search) planOf(ctx context.Context, t Trial) (*gating.Plan, error) {
	if t.Source {
		return m.sourcePlan(ctx, t.granularity())
	}
	if t.Method == gating.FineTuned && len(ascending(m.losses)) == 0 {
		return nil, nil
	}
	return m.plan(t.granularity())
}

// start is where a trial's gates start.
func (m *search) start(ctx context.Context, p *gating.Plan, t Trial, c gating.Combine) (gating.Start, error) {
	if t.Source {
		return gating.NewSourceStart(p, m.losses), nil
	}
	if t.Place == ByLosses {
		return gating.NewStart(ctx, p, m.learn, m.losses, gating.StartOptions{Init: m.Init, Seed: m.Learn.Seed})
	}
	w, err := m.warmStart(ctx, p, t.Place)
	if err != nil {
		return gating.Start{}, err
	}
	return w.Start(ctx, m.learn, c, m.Init)
}
