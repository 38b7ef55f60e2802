package gating

import "github.com/softmerge/softmerge/gating/network"

// record is what a score keeps of its samples: for each head of the objective, of which the losses are added up.
type record struct {
	heads   []headRecord
	weights []float64 // of the heads' losses
}

// loss is the sum of the heads' losses on samples that count as often as their weights say.
func (r *record) loss(weights []float64) float64 {
	if len(r.heads) == 1 {
		return r.heads[0].loss(weights)
	}
	var sum float64
	for i := range r.heads {
		sum += r.weights[i] * r.heads[i].loss(weights)
	}
	return sum
}

// metric is the only head's metric; several are judged by the sum of their losses.
func (r *record) metric(weights []float64) float64 {
	if len(r.heads) == 1 {
		return r.heads[0].metric(weights)
	}
	return r.loss(weights)
}

// losses are one number a sample whose mean is the loss.
func (r *record) losses() []float64 {
	if len(r.heads) == 1 {
		return r.heads[0].losses()
	}
	var list []float64
	for i := range r.heads {
		own := r.heads[i].losses()
		if list == nil {
			list = make([]float64, len(own))
		}
		for k, v := range own {
			list[k] += r.weights[i] * v
		}
	}
	return list
}

// metrics are one number a sample whose mean is the metric, nil where it is no mean.
func (r *record) metrics() []float64 {
	if len(r.heads) == 1 {
		return r.heads[0].metrics()
	}
	return r.losses()
}

// joined is the record of the samples of both, which must be of one objective.
func (r *record) joined(other *record) (*record, bool) {
	if len(r.heads) != len(other.heads) {
		return nil, false
	}
	out := &record{weights: r.weights}
	for i := range r.heads {
		h, ok := r.heads[i].joined(&other.heads[i])
		if !ok {
			return nil, false
		}
		out.heads = append(out.heads, h)
	}
	return out, true
}

// scorer adds up a score batch by batch.
type scorer struct{ heads []*headScorer }

// newScorer starts a score over a number of samples.
func newScorer(o Objective, samples int) *scorer {
	s := &scorer{}
	for _, h := range o.Heads {
		s.heads = append(s.heads, newHeadScorer(h, samples))
	}
	return s
}

// add takes a batch: for each head what it reads and its labels. Errors are those of the losses.
func (s *scorer) add(outs, targets []*network.Tensor) error {
	for i, h := range s.heads {
		if err := h.add(outs[i], targets[i]); err != nil {
			return err
		}
	}
	return nil
}

// score returns the figures.
func (s *scorer) score() Score {
	result := Score{Samples: len(s.heads[0].sums), kept: &record{}}
	for _, h := range s.heads {
		own := h.score()
		result.Heads = append(result.Heads, own)
		result.Loss += h.head.Weight * own.Loss
		result.kept.heads = append(result.kept.heads, h.headRecord)
		result.kept.weights = append(result.kept.weights, h.head.Weight)
	}
	if result.Metric = result.Loss; len(s.heads) == 1 {
		result.Loss, result.Metric = result.Heads[0].Loss, result.Heads[0].Metric
	}
	return result
}
