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

// judgeMerged bakes coefficients and judges the result, and where the network has
// normalisations, the result with statistics measured anew.
func (m *merge) judgeMerged(ctx context.Context, name string, p *Plan, coeffs [][]float64) error {
	model, err := p.Bake(coeffs)
	if err != nil {
		return err
	}
	c := Candidate{Name: name, Parent: -1, plan: p, coeffs: coeffs, model: model}
	if err := m.judge(ctx, c); err != nil {
		return err
	}
	if len(normNodes(model)) == 0 || fixedBatch(model) == 1 {
		return nil
	}
	plain, err := p.bake(coeffs, true)
	if err != nil {
		return err
	}
	stats, err := measure(ctx, plain, m.train, m.objective.Output, m.evalBatch(), m.workers)
	if err != nil {
		return err
	}
	c.Name, c.statistics = name+"+recalibrated", stats
	if c.model, err = withStatistics(plain, stats); err != nil {
		return err
	}
	return m.judge(ctx, c)
}

// choose marks the best candidate: of those whose metric is within one standard
// error of the best metric, the one with the lowest loss. A merged candidate
// counts only if it is at least as good as every parent in the metric and better
// than the best parent in metric or loss.
func (m *merge) choose() *Candidate {
	parent := m.best(func(c *Candidate) bool { return c.Parent >= 0 })
	merged := m.best(func(c *Candidate) bool { return c.Parent < 0 && m.beats(c, parent) })
	if merged != nil {
		return merged
	}
	return parent
}

// beats says whether a merged candidate is better than the best parent.
func (m *merge) beats(c, parent *Candidate) bool {
	if parent == nil {
		return c.Score.Finite()
	}
	metric := m.objective.Metric
	if metric.Better(parent.Score.Metric, c.Score.Metric) || !c.Score.Finite() {
		return false
	}
	return metric.Better(c.Score.Metric, parent.Score.Metric) || c.Score.Loss < parent.Score.Loss
}

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
