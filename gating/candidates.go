package gating

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Candidate is one model that the merge could write, with its score on data that no gate saw.
type Candidate struct {
	Name   string // "parent:PATH", "uniform", "greedy", "soft:layer", ...
	Score  Score
	Chosen bool
	Parent int // index of the parent, -1 for a merged candidate

	plan       *Plan
	coeffs     [][]float64
	statistics []Statistics // measured normalisation statistics, if the candidate has its own
	model      *onnx.Model
	failure    error // why the candidate could not be evaluated
}

// judge evaluates the candidate on the held-out part. A parent that cannot be
// run is a candidate without a score, not the end of the merge.
func (m *merge) judge(ctx context.Context, c Candidate) error {
	s, err := Evaluate(ctx, c.model, m.held, m.objective, m.evalBatch(), m.workers)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.Parent < 0 || c.Parent == m.alignment.Base || errors.Is(err, network.ErrUnsupported) {
			return err
		}
		m.fail(c, err)
		return nil
	}
	c.Score = s
	m.list(c)
	return nil
}

// fail lists a candidate that has no score.
func (m *merge) fail(c Candidate, why error) {
	c.failure = why
	c.Score = Score{Loss: math.NaN(), Metric: math.NaN(), Samples: m.held.Len()}
	m.list(c)
}

// list adds a judged candidate to the table.
func (m *merge) list(c Candidate) {
	m.candidates = append(m.candidates, c)
	m.report(Event{Stage: "candidate", Candidate: &c})
}

// judgeMerged bakes coefficients and judges the result, where the network has
// normalisations also with statistics measured anew.
func (m *merge) judgeMerged(ctx context.Context, name string, p *Plan, coeffs [][]float64) error {
	model, err := p.Bake(coeffs)
	if err != nil {
		return err
	}
	c := Candidate{Name: name, Parent: -1, plan: p, coeffs: coeffs, model: model}
	if err := m.judge(ctx, c); err != nil || len(normNodes(model)) == 0 || fixedBatch(model) == 1 {
		return err
	}
	return m.judgeRecalibrated(ctx, c)
}

// judgeRecalibrated judges a candidate with normalisation statistics measured anew.
func (m *merge) judgeRecalibrated(ctx context.Context, c Candidate) error {
	plain, err := c.plan.bakeWith(c.coeffs, bakeOptions{plain: true})
	if err != nil {
		return err
	}
	c.Name += "+recalibrated"
	if c.statistics, err = measure(ctx, plain, m.train, m.objective.Output, m.evalBatch(), m.workers); err != nil {
		return err
	}
	if c.model, err = withStatistics(plain, c.statistics); err != nil {
		return err
	}
	return m.judge(ctx, c)
}

// choose marks the best candidate: of those whose metric is within one standard
// error of the best metric, the one with the lowest loss. A merged candidate
// counts only if it beats every parent.
func (m *merge) choose() *Candidate {
	merged := m.best(func(c *Candidate) bool { return c.Parent < 0 && m.beatsParents(c) })
	if merged != nil {
		return merged
	}
	return m.best(func(c *Candidate) bool { return c.Parent >= 0 })
}

// beatsParents says whether a merged candidate is better than each parent.
func (m *merge) beatsParents(c *Candidate) bool {
	for i := range m.candidates {
		if p := &m.candidates[i]; p.Parent >= 0 && p.Score.Finite() && !m.objective.Metric.beats(c.Score, p.Score) {
			return false
		}
	}
	return c.Score.Finite()
}

// beats says whether score a is better than b beyond doubt: no worse in the
// metric and better in the loss, or equal in the loss and better in the metric,
// or so much better in the metric that chance alone would hardly do it. One
// sample more of a hundred at twice the loss is no gain.
func (m Metric) beats(a, b Score) bool {
	switch {
	case m.Better(b.Metric, a.Metric):
		return false
	case a.Loss < b.Loss-tinyLoss*math.Abs(b.Loss), a.Loss == b.Loss && m.Better(a.Metric, b.Metric):
		return true
	}
	return math.Abs(a.Metric-b.Metric) > 2*m.tolerance(b.Metric, b.Samples)+tinyGain
}

// Differences that are rounding: in a metric, and in a loss relative to it. A
// parent whose units were reordered is no better than the same parent.
const (
	tinyGain = 1e-9
	tinyLoss = 1e-5
)

// best returns the best of the candidates that count, nil if there is none.
func (m *merge) best(counts func(*Candidate) bool) *Candidate {
	var list []*Candidate
	for i := range m.candidates {
		if c := &m.candidates[i]; c.Score.Finite() && counts(c) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	metric := m.objective.Metric
	top := list[0].Score.Metric
	for _, c := range list {
		if metric.Better(c.Score.Metric, top) {
			top = c.Score.Metric
		}
	}
	list = slices.DeleteFunc(list, func(c *Candidate) bool {
		return metric.Better(top, c.Score.Metric) && math.Abs(top-c.Score.Metric) > metric.tolerance(top, c.Score.Samples)
	})
	return slices.MinFunc(list, func(a, b *Candidate) int {
		switch {
		case a.Score.Loss < b.Score.Loss:
			return -1
		case a.Score.Loss > b.Score.Loss:
			return 1
		}
		return 0
	})
}

// tolerance is the standard error of an accuracy over n samples; other metrics have none.
func (m Metric) tolerance(value float64, n int) float64 {
	if m.Name != "accuracy" {
		return 0
	}
	return math.Sqrt(value * (1 - value) / float64(n))
}
