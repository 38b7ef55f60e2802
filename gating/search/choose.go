package search

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx"
)

// Candidate is one model that the merge could write, with its score on data that no gate saw.
type Candidate struct {
	Name    string          // "parent:PATH", or the trial's name
	Trial   *Trial          // what was tried; nil for a parent
	Parent  int             // index of the parent, -1 for a merged candidate
	Mixture *gating.Mixture // of a merged candidate that has a score
	Score   gating.Score
	Failure error  // why it has no score
	Reason  string // why its score has no finite loss
	Chosen  bool
	model   *onnx.Model
}

// choose marks the best candidate: of those whose metric is within one standard
// error of the best metric, the one with the lowest loss. A merged candidate
// counts only if it beats every parent.
func (m *search) choose() *Candidate {
	merged := m.best(func(c *Candidate) bool { return c.Parent < 0 && m.beatsParents(c) })
	if merged != nil {
		return merged
	}
	return m.best(func(c *Candidate) bool { return c.Parent >= 0 })
}

// beatsParents says whether a merged candidate is better than each parent.
func (m *search) beatsParents(c *Candidate) bool {
	for i := range m.candidates {
		if p := &m.candidates[i]; p.Parent >= 0 && p.Score.Finite() &&
			!beats(m.heldOut.Objective().Metric, c.Score, p.Score) {
			return false
		}
	}
	return c.Score.Finite()
}

// beats says whether score a is better than b beyond doubt: no worse in the
// metric and better in the loss, or equal in the loss and better in the metric,
// or so much better in the metric that chance alone would hardly do it. One
// sample more of a hundred at twice the loss is no gain.
func beats(m gating.Metric, a, b gating.Score) bool {
	switch {
	case m.Better(b.Metric, a.Metric):
		return false
	case a.Loss < b.Loss-tinyLoss*math.Abs(b.Loss), a.Loss == b.Loss && m.Better(a.Metric, b.Metric):
		return true
	}
	return math.Abs(a.Metric-b.Metric) > surely*standardError(m, b.Metric, b.Samples)+tinyGain
}

// best returns the best of the candidates that count, nil if there is none.
func (m *search) best(counts func(*Candidate) bool) *Candidate {
	var list []*Candidate
	for i := range m.candidates {
		if c := &m.candidates[i]; c.Score.Finite() && counts(c) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	metric := m.heldOut.Objective().Metric
	top := list[0].Score.Metric
	for _, c := range list {
		if metric.Better(c.Score.Metric, top) {
			top = c.Score.Metric
		}
	}
	list = slices.DeleteFunc(list, func(c *Candidate) bool {
		return metric.Better(top, c.Score.Metric) && math.Abs(top-c.Score.Metric) > standardError(metric, top,
			c.Score.Samples)
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

// standardError is that of an accuracy over n samples; other metrics have none.
func standardError(m gating.Metric, value float64, n int) float64 {
	if m.Name != "accuracy" {
		return 0
	}
	return math.Sqrt(value * (1 - value) / float64(n))
}
