package gating

import "context"

// greedySoup chooses the parents to average: best first on the training part,
// each kept only if the average does not get worse with it (model soups, arXiv 2203.05482,
// recipe 1, judged by the loss).
func (m *merge) greedySoup(ctx context.Context, p *Plan, losses []float64) ([]bool, error) {
	f, err := newForward(p.base(), m.train, m.objective.Output, m.evalBatch(), p, m.workers)
	if err != nil {
		return nil, err
	}
	in := make([]bool, len(losses))
	best := 0.0
	for i, j := range ascending(losses) {
		in[j] = true
		s, err := f.score(ctx, m.objective, p.Uniform(in))
		if err != nil {
			return nil, err
		}
		if i > 0 && !(s.Loss <= best) {
			in[j] = false
			continue
		}
		best = s.Loss
	}
	return in, nil
}
