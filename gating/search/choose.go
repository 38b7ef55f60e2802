package search

import (
	"math"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx"
)

// Candidate is one model that the merge could write, with its score on data that no gate saw.
type Candidate struct {
	Name     string          // "parent:PATH", or the trial's name
	Trial    *Trial          // what was tried; nil for a parent
	Parent   int             // index of the parent, -1 for a merged candidate
	Mixture  *gating.Mixture // of a merged candidate with a score: the first fold's; of the chosen one what is written
	Made     Made            // of Options.Maker, in place of a mixture
	Score    gating.Score    // on all samples that judge, by models that were learned without them
	Error    float64         // standard error of the metric; 0 where it is not known
	Chance   float64         // that a merged candidate looks better than the best parent by chance alone
	Rounds   int             // of training that paid, where weights are trained (Options.Rounds)
	More     int             // samples more that would probably decide whether it is better; 0: nothing to decide
	Failure  error           // why it has no score
	Reason   string          // why it was not chosen
	Chosen   bool
	model    *onnx.Model
	suspects []bool         // parents of which a transplant has nothing (gating.Source.Suspects); nil of others
	tried    Trial          // as the trial was listed
	folds    []gating.Score // of each fold
}

// agreement is the metric of objectives whose labels are an ensemble's answers.
const agreement = "agreement"

// choice is a table of candidates under comparison.
type choice struct {
	metric     gating.Metric
	candidates []Candidate
	replicates []replicates          // of those with a finite score
	taught     bool                  // labels are an ensemble's answers, see byLoss
	beside     func(*Candidate) bool // says which merged candidates are not to be chosen; nil where all may be
}

func newChoice(m gating.Metric, candidates []Candidate) *choice {
	c := &choice{metric: m, candidates: candidates, replicates: make([]replicates, len(candidates)),
		taught: m.Name == agreement}
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
	best := c.best(func(i int) bool {
		l := &c.candidates[i]
		return l.Parent < 0 && (c.beside == nil || !c.beside(l)) && c.beatsParents(i)
	})
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
	x, y, rx, ry := c.candidates[a].Score, c.candidates[b].Score, c.replicates[a], c.replicates[b]
	if c.byLoss(a, b) {
		x.Metric, rx.metric = -x.Loss, negated(rx.loss)
		y.Metric, ry.metric = -y.Loss, negated(ry.loss)
	}
	return compare(c.metric, x, y, rx, ry)
}

// byLoss says whether the loss takes the place of the metric between two candidates: an ensemble often answers as the
// parent does that it believes most, which says nothing of how near that one comes to it.
func (c *choice) byLoss(a, b int) bool {
	return c.taught && (c.candidates[a].Parent < 0) != (c.candidates[b].Parent < 0)
}

func negated(list []float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = -v
	}
	return out
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

// beats says whether a model is better than another, of the score given, beyond chance: loss and metric together are
// so much better that chance alone does it in few of the draws, and neither is worse by more than one standard error;
// or the metric is better beyond doubt, whatever the loss. One sample more of a hundred is no gain, and one sample less
// is no loss. Models with the same metric on every draw, as where all answers are right, are not told apart by a
// little less loss: it says nothing of the answers that are wrong elsewhere.
func (d comparison) beats(other gating.Score) bool {
	switch {
	case d.metric > max(tinyGain, beyondDoubt*d.metricError):
		return true
	case d.sameAnswers(), d.metric <= tinyGain && d.loss <= tinyLoss*math.Abs(other.Loss):
		return false
	}
	return d.chance <= mostChance && d.metric >= -d.metricError && d.loss >= -d.lossError
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

// standardError is that of an accuracy or an agreement over n samples; other metrics have none.
func standardError(m gating.Metric, value float64, n int) float64 {
	if m.Name != "accuracy" && m.Name != agreement {
		return 0
	}
	return math.Sqrt(value * (1 - value) / float64(n))
}
