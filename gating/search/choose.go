package search

import (
	"math"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx"
)

// Candidate is one model that the merge could write, with its score on data that no gate saw.
type Candidate struct {
	Name    string          // "parent:PATH", or the trial's name
	Trial   *Trial          // what was tried; nil for a parent
	Parent  int             // index of the parent, -1 for a merged candidate
	Mixture *gating.Mixture // of a merged candidate with a score: the first fold's; of the chosen one what is written
	Score   gating.Score    // on all samples that judge, by models that were learned without them
	Error   float64         // standard error of the metric; 0 where it is not known
	Chance  float64         // that a merged candidate looks better than the best parent by chance alone
	More    int             // samples more that would probably decide whether it is better; 0: nothing to decide
	Failure error           // why it has no score
	Reason  string          // why it was not chosen
	Chosen  bool
	model   *onnx.Model
	tried   Trial          // as the trial was listed
	folds   []gating.Score // of each fold
}

// choice is a table of candidates under comparison.
type choice struct {
	metric     gating.Metric
	candidates []Candidate
	replicates []replicates // of those with a finite score
}

func newChoice(m gating.Metric, candidates []Candidate) *choice {
	c := &choice{m, candidates, make([]replicates, len(candidates))}
	var scores []gating.Score
	for i := range candidates {
		if candidates[i].Score.Finite() {
			scores = append(scores, candidates[i].Score)
		}
	}
	drawn := resample(scores)
	for i := range candidates {
		if candidates[i].Score.Finite() {
			c.replicates[i], drawn = drawn[0], drawn[1:]
		}
	}
	return c
}

// choose returns the best candidate: of the merged ones that beat every parent, else of
// the parents; nil where nothing has a finite score.
func (c *choice) choose() *Candidate {
	best := c.best(func(i int) bool { return c.candidates[i].Parent < 0 && c.beatsParents(i) })
	if best < 0 {
		best = c.best(func(i int) bool { return c.candidates[i].Parent >= 0 })
	}
	if best < 0 {
		return nil
	}
	return &c.candidates[best]
}

// compare compares two candidates with finite scores.
func (c *choice) compare(a, b int) comparison {
	return compare(c.metric, c.candidates[a].Score, c.candidates[b].Score, c.replicates[a], c.replicates[b])
}

// beatsParents says whether a merged candidate is better than each parent.
func (c *choice) beatsParents(i int) bool {
	for p := range c.candidates {
		if c.isParent(p) && !c.compare(i, p).beats(c.candidates[p].Score) {
			return false
		}
	}
	return true
}

// isParent says whether a candidate is a parent that merges can be compared with.
func (c *choice) isParent(i int) bool {
	return c.candidates[i].Parent >= 0 && c.candidates[i].Score.Finite()
}

// beats says whether a model is better than another, of the score given, beyond chance: no worse in
// loss or metric, better in one, and so much better in both together that chance alone does
// it in few of the draws; or so much better in the metric that the loss does not matter. One sample more of
// a hundred is no gain, nor is a loss that a few samples make.
func (d comparison) beats(other gating.Score) bool {
	tiny := tinyLoss * math.Abs(other.Loss)
	if d.metric > surely*d.metricError+tinyGain && d.metricError > 0 {
		return true
	}
	return d.metric >= -tinyGain && d.loss >= -tiny && (d.metric > tinyGain || d.loss > tiny) && d.chance <= mostChance
}

// best returns the best of the candidates that count, -1 if there is none: of those whose metric is within one
// standard error of the best metric, the one of least loss; of equal ones the first, which is the simplest.
func (c *choice) best(counts func(int) bool) int {
	top := -1
	var list []int
	for i := range c.candidates {
		if !c.candidates[i].Score.Finite() || !counts(i) {
			continue
		}
		list = append(list, i)
		if top < 0 || c.metric.Better(c.candidates[i].Score.Metric, c.candidates[top].Score.Metric) {
			top = i
		}
	}
	least := top
	for _, i := range list {
		if c.candidates[i].Score.Loss < c.candidates[least].Score.Loss && c.within(i, top) {
			least = i
		}
	}
	return least
}

// within says whether a candidate's metric is within one standard error, of the difference, of the best one.
func (c *choice) within(i, top int) bool {
	d := c.compare(top, i)
	return !(d.metric > d.metricError+tinyGain)
}

// standardError is that of an accuracy over n samples; other metrics have none.
func standardError(m gating.Metric, value float64, n int) float64 {
	if m.Name != "accuracy" {
		return 0
	}
	return math.Sqrt(value * (1 - value) / float64(n))
}
