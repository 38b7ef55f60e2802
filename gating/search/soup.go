package search

import (
	"context"

	"github.com/softmerge/softmerge/gating"
)

// greedy averages parents best first on the training part, each kept only if the
// average does not get worse with it (model soups, arXiv 2203.05482, recipe 1, judged by
// the loss).
func (m *search) greedy(ctx context.Context) (*gating.Mixture, error) {
	p, err := m.plan(gating.ByLayer)
	if err != nil {
		return nil, err
	}
	soup, err := m.learn.Mixtures(p)
	if err != nil {
		return nil, err
	}
	in := make([]bool, len(m.losses))
	best := 0.0
	for i, j := range ascending(m.losses) {
		in[j] = true
		s, err := soup.Score(ctx, p.Average(in))
		if err != nil {
			return nil, err
		}
		if i > 0 && !(s.Loss <= best) {
			in[j] = false
			continue
		}
		best = s.Loss
	}
	return gating.NewMixture(p, p.Average(in)), nil
}
