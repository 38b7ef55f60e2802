package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
)

// headRecord is what a score keeps of its samples for one head of the objective.
type headRecord struct {
	sums  []float64    // of each sample the loss: its mean over the positions, those that are ignored counting as 0
	parts []float64    // of each sample the share of positions that count; nil where all do
	tally metric.Tally // nil where the loss itself is the metric
}

// part is the share of a sample's positions that count.
func (r *headRecord) part(sample int) float64 {
	if r.parts == nil {
		return 1
	}
	return r.parts[sample]
}

// loss is the mean over the positions that count, every sample weighing the same where all of them do.
func (r *headRecord) loss(weights []float64) float64 {
	var sum, of float64
	for i, s := range r.sums {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		if w != 0 {
			sum += w * s
			of += w * r.part(i)
		}
	}
	return sum / of
}

// metric is the metric's value.
func (r *headRecord) metric(weights []float64) float64 {
	if r.tally == nil {
		return r.loss(weights)
	}
	return r.tally.Value(weights)
}

// losses are the sums, scaled so that their mean is the loss.
func (r *headRecord) losses() []float64 {
	var of float64
	for i := range r.sums {
		of += r.part(i)
	}
	list := make([]float64, len(r.sums))
	for i, s := range r.sums {
		list[i] = s * float64(len(r.sums)) / of
	}
	return list
}

// metrics are figures of the samples whose mean is the metric, nil where it is no mean.
func (r *headRecord) metrics() []float64 {
	if r.tally == nil {
		return r.losses()
	}
	return r.tally.Shares()
}

// joined is the record of the samples of both.
func (r *headRecord) joined(other *headRecord) (headRecord, bool) {
	out := headRecord{}
	if (r.tally == nil) != (other.tally == nil) {
		return out, false
	}
	if r.tally != nil {
		var ok bool
		if out.tally, ok = r.tally.Joined(other.tally); !ok {
			return out, false
		}
	}
	for _, from := range []*headRecord{r, other} {
		out.sums = append(out.sums, from.sums...)
		for i := range from.sums {
			out.parts = append(out.parts, from.part(i))
		}
	}
	if r.parts == nil && other.parts == nil {
		out.parts = nil
	}
	return out, true
}

// headScorer adds up a head's score batch by batch.
type headScorer struct {
	head objective.Head
	headRecord
	batches []batchLoss
	all     bool // every position of every sample counts
}

// batchLoss is the mean loss of a batch, and how many samples it is of.
type batchLoss struct{ mean, samples float64 }

// newHeadScorer starts a head's score over a number of samples.
func newHeadScorer(h objective.Head, samples int) *headScorer {
	return &headScorer{head: h, all: true, headRecord: headRecord{sums: make([]float64, 0, samples),
		parts: make([]float64, 0, samples), tally: h.Metric.Tally()}}
}

// add takes a batch. Errors are those of the loss.
func (s *headScorer) add(out, target *network.Tensor) error {
	n := out.Shape[0]
	sums, counted, positions := make([]float64, n), make([]float64, n), make([]float64, n)
	var sum, of float64
	err := s.head.Loss.Terms(out, target, func(sample int, loss, weight float64) {
		sum += loss * weight
		of += weight
		sums[sample] += loss * weight
		counted[sample] += weight
		positions[sample]++
	})
	if err != nil {
		return err
	}
	samples := 0.0
	for i := range sums {
		part := counted[i] / positions[i]
		s.all = s.all && part == 1
		samples += part
		s.sums, s.parts = append(s.sums, sums[i]/positions[i]), append(s.parts, part)
	}
	if of > 0 {
		s.batches = append(s.batches, batchLoss{sum / of, samples})
	}
	if s.tally == nil {
		return nil
	}
	return s.tally.Add(out, target)
}

// score returns the figures. The loss is added up batch by batch: the same batches give the same bits.
func (s *headScorer) score() HeadScore {
	if s.all {
		s.parts = nil
	}
	of := 0.0
	for _, b := range s.batches {
		of += b.samples
	}
	var result HeadScore
	if of == 0 {
		result.Loss = math.NaN()
	}
	for _, b := range s.batches {
		result.Loss += b.mean * b.samples / of
	}
	if result.Metric = result.Loss; s.tally != nil {
		result.Metric = s.tally.Value(nil)
	}
	return result
}
