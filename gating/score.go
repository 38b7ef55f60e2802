package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Score is how good a model is on some data. A score that an Evaluator made also keeps what each sample
// contributes, so that two models can be compared sample by sample. It is not to be compared by ==: see Equal.
type Score struct {
	Loss    float64 // mean over the samples
	Metric  float64
	Samples int

	kept *record // nil for a score that was made by hand
}

// Finite says whether the loss is a finite number.
func (s Score) Finite() bool { return onnx.Finite(s.Loss) }

// Equal says whether two scores have the same figures, whatever they keep of their samples.
func (s Score) Equal(other Score) bool {
	return s.Loss == other.Loss && s.Metric == other.Metric && s.Samples == other.Samples
}

// Resampled returns loss and metric as they were if sample i, in the order of the data's rows, were there weights[i]
// times: 0 leaves it out, so that a bootstrap, a fold and a group of samples are all the same thing. Nil counts every
// sample once and gives exactly Loss and Metric. There must be a weight for each sample. Where no sample counts, and
// for a score that keeps no samples, both are NaN. Several goroutines may call it at once.
func (s Score) Resampled(weights []float64) (loss, metric float64) {
	switch {
	case weights == nil:
		return s.Loss, s.Metric
	case s.kept == nil:
		return math.NaN(), math.NaN()
	}
	return s.kept.loss(weights), s.kept.metric(weights)
}

// Losses returns one number a sample, in the order of the data's rows, whose mean is Loss: where positions of a sample
// are ignored it is the sample's part in the mean over all others. Scores of two models on the same data differ in them
// sample by sample. It is nil for a score that keeps no samples.
func (s Score) Losses() []float64 {
	if s.kept == nil {
		return nil
	}
	return s.kept.losses()
}

// Metrics returns one number a sample, in the order of the data's rows, whose mean is Metric: 1 or 0 for accuracy with
// one label a sample. It is nil where the metric is no such mean (r2, f1, auc, ...: see Resampled) and for a
// score that keeps no samples.
func (s Score) Metrics() []float64 {
	switch {
	case s.kept == nil:
		return nil
	case s.kept.tally == nil:
		return s.kept.losses()
	}
	return s.kept.tally.Shares()
}

// JoinScores returns the score on samples of which each list scored a part, by the same objective: those of the
// folds of a cross-validation, each judged by a model of its own. Samples are in the order of the scores. A score
// that keeps no samples, or is of another objective, makes loss and metric NaN.
func JoinScores(scores ...Score) Score {
	joined := Score{Loss: math.NaN(), Metric: math.NaN()}
	var all *record
	ok := len(scores) > 0
	for i, s := range scores {
		joined.Samples += s.Samples
		switch {
		case s.kept == nil || !ok:
			ok = false
		case i == 0:
			all = s.kept
		default:
			all, ok = all.joined(s.kept)
		}
	}
	if !ok {
		return joined
	}
	joined.kept = all
	joined.Loss, joined.Metric = all.loss(nil), all.metric(nil)
	return joined
}

// MeanScore makes a score of one loss and one metric a sample, both judged by their means; it keeps the samples.
func MeanScore(losses, metrics []float64) Score {
	r := &record{sums: losses, tally: metric.Mean(metrics)}
	return Score{Loss: r.loss(nil), Metric: r.tally.Value(nil), Samples: len(losses), kept: r}
}

// record is what a score keeps of its samples.
type record struct {
	sums  []float64    // of each sample the loss: its mean over the positions, those that are ignored counting as 0
	parts []float64    // of each sample the share of positions that count; nil where all do
	tally metric.Tally // nil where the loss itself is the metric
}

// part is the share of a sample's positions that count.
func (r *record) part(sample int) float64 {
	if r.parts == nil {
		return 1
	}
	return r.parts[sample]
}

// loss is the mean over the positions that count, every sample weighing the same where all of them do.
func (r *record) loss(weights []float64) float64 {
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
func (r *record) metric(weights []float64) float64 {
	if r.tally == nil {
		return r.loss(weights)
	}
	return r.tally.Value(weights)
}

// losses are the sums, scaled so that their mean is the loss.
func (r *record) losses() []float64 {
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

// joined is the record of the samples of both.
func (r *record) joined(other *record) (*record, bool) {
	out := &record{}
	if (r.tally == nil) != (other.tally == nil) {
		return nil, false
	}
	if r.tally != nil {
		var ok bool
		if out.tally, ok = r.tally.Joined(other.tally); !ok {
			return nil, false
		}
	}
	for _, from := range []*record{r, other} {
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

// scorer adds up a score batch by batch.
type scorer struct {
	objective Objective
	record
	batches []batchLoss
	all     bool // every position of every sample counts
}

// batchLoss is the mean loss of a batch, and how many samples it is of.
type batchLoss struct{ mean, samples float64 }

// newScorer starts a score over a number of samples.
func newScorer(o Objective, samples int) *scorer {
	return &scorer{objective: o, all: true, record: record{sums: make([]float64, 0, samples),
		parts: make([]float64, 0, samples), tally: o.Metric.Tally()}}
}

// add takes a batch. Errors are those of the loss.
func (s *scorer) add(out, target *network.Tensor) error {
	n := out.Shape[0]
	sums, counted, positions := make([]float64, n), make([]float64, n), make([]float64, n)
	var sum, of float64
	err := s.objective.Loss.Terms(out, target, func(sample int, loss, weight float64) {
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
func (s *scorer) score() Score {
	if s.all {
		s.parts = nil
	}
	of := 0.0
	for _, b := range s.batches {
		of += b.samples
	}
	result := Score{Samples: len(s.sums), kept: &s.record}
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
