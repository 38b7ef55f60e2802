package search

import (
	"fmt"
	"math"
	"path/filepath"
)

// explain says of every candidate that has a score but was not chosen why it was not, and how sure the table is.
func (c *choice) explain(chosen *Candidate) {
	at, best := c.index(chosen), c.best(func(i int) bool { return c.candidates[i].Parent >= 0 })
	for i := range c.candidates {
		l := &c.candidates[i]
		if !l.Score.Finite() {
			continue
		}
		if e := deviation(c.replicates[i].metric); e > 0 { // not NaN
			l.Error = e
		}
		if l.Parent < 0 && best >= 0 {
			l.Chance, l.More = c.doubt(i)
		}
		if i != at {
			l.Reason = c.reason(i, at)
		}
	}
}

// doubt is how likely chance alone makes a merged candidate look better than the best parent, and how many samples more
// would probably settle it.
func (c *choice) doubt(i int) (chance float64, more int) {
	for p := range c.candidates {
		if !c.isParent(p) {
			continue
		}
		d := c.compare(i, p)
		chance = max(chance, d.chance)
		if !d.beats(c.candidates[p].Score) {
			more = max(more, d.more(c.candidates[i].Score.Samples))
		}
	}
	return chance, more
}

// more is how many samples more than n would probably make a difference of this size certain; 0 where more would
// make nothing certain, or nobody could give so many.
func (d comparison) more(n int) int {
	factor := math.Pow(decided/d.sigmas, 2)
	if !(d.sigmas > 0) || d.sameAnswers() || d.metric < 0 || d.loss < -d.lossError || factor > mostMore {
		return 0
	}
	return roundUp(max(1, int(math.Ceil((max(factor, leastMore)-1)*float64(n)))))
}

// sameAnswers says whether the metric is the same on every draw.
func (d comparison) sameAnswers() bool { return d.metric <= tinyGain && d.metricError == 0 }

// roundUp rounds up to one digit and a half: nobody should take the number for exact.
func roundUp(n int) int {
	step := 1
	for n/step >= 20 {
		step *= 10
	}
	if step > 1 && n/step < 10 {
		step /= 2
	}
	return (n + step - 1) / step * step
}

// reason says why candidate i was not chosen, but the one at another place of the table.
func (c *choice) reason(i, chosen int) string {
	if p := c.unbeaten(i); c.candidates[i].Parent < 0 && p >= 0 {
		return c.notBetter(i, p)
	}
	d := c.compare(chosen, i)
	switch {
	case c.beside != nil && c.beside(&c.candidates[i]):
		return "for comparison"
	case c.within(i, chosen) && d.loss > 0:
		return "more loss than " + c.name(chosen)
	case c.within(i, chosen):
		return fmt.Sprintf("as good as %s, which is simpler", c.name(chosen))
	}
	return c.below(d.metric, i, chosen) + ", " + d.word()
}

// unbeaten returns the best of the parents that a candidate does not beat, -1 if there is none.
func (c *choice) unbeaten(i int) int {
	return c.best(func(p int) bool { return c.isParent(p) && !c.compare(i, p).beats(c.candidates[p].Score) })
}

// notBetter says why a merged candidate does not beat a parent.
func (c *choice) notBetter(i, p int) string {
	d := c.compare(i, p)
	switch {
	case d.metric < -tinyGain:
		return c.below(-d.metric, i, p) + ", " + d.word()
	case d.loss < -d.lossError:
		return "more loss than " + c.name(p)
	case d.sigmas == 0:
		return "no better than " + c.name(p)
	case d.sameAnswers():
		return "gives the answers of " + c.name(p)
	}
	n := c.candidates[i].Score.Samples
	text := fmt.Sprintf("cannot be told from %s with %d samples", c.name(p), n)
	if more := d.more(n); more > 0 {
		text += fmt.Sprintf(": give about %d more", more)
	}
	return text
}

// word says whether chance explains a difference in the metric.
func (d comparison) word() string {
	if math.Abs(d.metric) > surely*d.metricError {
		return "beyond chance"
	}
	return "within chance"
}

// below says that candidate i is worse than another, and by how much: in points of a hundred for shares.
func (c *choice) below(v float64, i, other int) string {
	switch {
	case c.byLoss(i, other):
		return fmt.Sprintf("%.3g more loss than %s", v, c.name(other))
	case c.metric.Name == "accuracy", c.metric.Name == agreement:
		return fmt.Sprintf("%.1f points below %s", 100*v, c.name(other))
	}
	return fmt.Sprintf("%.3g below %s", v, c.name(other))
}

// name is a candidate's name in a sentence.
func (c *choice) name(i int) string {
	if l := &c.candidates[i]; l.Parent < 0 {
		return l.Name
	} else if l.model != nil && l.model.Path() != "" {
		return filepath.Base(l.model.Path())
	}
	return fmt.Sprintf("parent %d", c.candidates[i].Parent)
}
