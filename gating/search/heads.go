package search

import (
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
)

// Where several outputs are judged, models are compared by the sum of their losses. A merge whose sum is less may still
// be worse at one of the outputs than a parent that is good at it.

// warnOfWorseHeads warns of outputs at which a parent is better, beyond chance, than the merge that was chosen.
func (m *search) warnOfWorseHeads(c *choice, chosen *Candidate) {
	o := m.learn.Objective()
	if len(o.Heads) < 2 || chosen.Parent >= 0 {
		return
	}
	for i, h := range o.Heads {
		list := []gating.Score{chosen.Score.Head(i)}
		parents := []int{-1}
		for p := range c.candidates {
			if c.isParent(p) {
				list, parents = append(list, c.candidates[p].Score.Head(i)), append(parents, p)
			}
		}
		drawn := resample(list)
		for k := 1; k < len(list); k++ {
			d := compare(h.Metric, list[0], list[k], drawn[0], drawn[k])
			if d.metric < -max(tinyGain, surely*d.metricError) {
				m.warnings.Addf(dataset.ErrData, "give that output more weight with --loss-weight",
					"at output %q the merge has %s %.4g, %s %.4g", h.Output, h.Metric.Name, list[0].Metric,
					c.name(parents[k]), list[k].Metric)
			}
		}
	}
}
