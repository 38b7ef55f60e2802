package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/onnx"
)

// Score is how good a model is on some data. A score that an Evaluator made also keeps what each sample
// contributes, so that two models can be compared sample by sample. It is not to be compared by ==: see Equal.
type Score struct {
	Loss    float64 // mean over the samples
	Metric  float64
	Samples int
	Heads   []HeadScore // of each head of the objective, in its order

	kept *record // nil for a score that was made by hand
}

// HeadScore is how good a model is by one head of the objective.
type HeadScore struct{ Loss, Metric float64 }

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

// Head is the score by one head of the objective alone.
func (s Score) Head(i int) Score {
	one := Score{Loss: s.Heads[i].Loss, Metric: s.Heads[i].Metric, Samples: s.Samples, Heads: s.Heads[i : i+1]}
	if s.kept != nil {
		one.kept = &record{heads: s.kept.heads[i : i+1], weights: []float64{1}}
	}
	return one
}

// Metrics returns one number a sample, in the order of the data's rows, whose mean is Metric: 1 or 0 for accuracy with
// one label a sample. It is nil where the metric is no such mean (r2, f1, auc, ...: see Resampled) and for a
// score that keeps no samples.
func (s Score) Metrics() []float64 {
	if s.kept == nil {
		return nil
	}
	return s.kept.metrics()
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
	for i := range all.heads {
		h := &all.heads[i]
		joined.Heads = append(joined.Heads, HeadScore{h.loss(nil), h.metric(nil)})
	}
	return joined
}

// MeanScore makes a score of one loss and one metric a sample, both judged by their means; it keeps the samples.
func MeanScore(losses, metrics []float64) Score {
	h := headRecord{sums: losses, tally: metric.Mean(metrics)}
	r := &record{heads: []headRecord{h}, weights: []float64{1}}
	return Score{Loss: r.loss(nil), Metric: r.metric(nil), Samples: len(losses), kept: r}
}
