package objective

import (
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
)

// checkDefined refuses labels for which loss or metric is no number: none of them counts, or all are the same where the
// metric is of how they differ.
func (h Head) checkDefined(d *dataset.Data) error {
	if h.Unlabelled() {
		return nil
	}
	d, err := h.prepare(d)
	if err != nil {
		return err
	}
	counted, differ := 0, false
	for at := range h.columns(d) {
		s := h.spreadOf(d, at)
		counted += s.counted
		differ = differ || s.differ
	}
	switch {
	case counted == 0:
		return dataErr("name labels that do not count with --ignore-index, if it is others",
			"no label counts: all are %v", h.Ignored)
	case h.Metric.Name == "r2" && !differ:
		return dataErr("use --metric mse", "metric r2 is not defined where all labels are the same number")
	case h.Metric.Name == "auc" && !differ:
		return dataErr("give samples of both kinds, or use another --metric",
			"metric auc is not defined where no class has samples that are of it and samples that are not")
	}
	return nil
}

// columns is how many things a sample's labels are about: single things each have a column, all else is one.
func (h Head) columns(d *dataset.Data) int {
	if h.task.Kind == metric.Single && len(d.Parts()) == 1 {
		return d.Label.Size()
	}
	return 1
}

// spread is how many labels count, and whether they differ in what they answer.
type spread struct {
	counted int
	differ  bool
}

// spreadOf looks at every columns-th label from one on.
func (h Head) spreadOf(d *dataset.Data, column int) (s spread) {
	step, first := h.columns(d), 0.0
	for _, p := range d.Parts() {
		for i := column; i < p.Label.Len()*p.Label.Size(); i += step {
			v := labelAt(p.Label, i)
			if p.Label.Ints != nil && p.Label.Ints[i] == network.Ignored && len(h.Ignored) > 0 {
				continue
			}
			if h.task.Kind == metric.Single {
				v = float64(map[bool]int{true: 1}[v > 0.5])
			}
			if s.counted++; s.counted == 1 {
				first = v
			}
			s.differ = s.differ || v != first
		}
	}
	return s
}
