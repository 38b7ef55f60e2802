package search

import (
	"math"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// Models are compared on the samples that judged both, by a paired bootstrap (B. Efron, R. J. Tibshirani, An
// Introduction to the Bootstrap, 1993, chapters 8 and 16): the samples are drawn anew with replacement, the same draw
// for all models, and how much the difference between two models varies from draw to draw says how much of it is
// chance. It needs nothing of a metric but that it can be computed of the samples drawn.

// replicates are loss and metric of one model on every draw.
type replicates struct{ loss, metric []float64 }

// resample computes the scores, which are of the same samples, on samples drawn anew. Scores that keep no samples
// have NaN for replicates.
func resample(scores []gating.Score) []replicates {
	list := make([]replicates, len(scores))
	if len(scores) == 0 || scores[0].Samples == 0 {
		return list
	}
	n := scores[0].Samples
	weights := make([]float64, n)
	draw := random.New(0, resampleStream)
	for range min(mostReplicates, max(leastReplicates, resampleWork/n)) {
		clear(weights)
		for range n {
			weights[draw.IntN(n)]++
		}
		for i, s := range scores {
			loss, metric := s.Resampled(weights)
			list[i].loss, list[i].metric = append(list[i].loss, loss), append(list[i].metric, metric)
		}
	}
	return list
}

// comparison is by how much one model is better than another.
type comparison struct {
	loss, metric           float64 // by how much; below zero where it is worse
	lossError, metricError float64 // standard errors of these
	chance                 float64 // how often, of all draws, loss and metric together are no better
	sigmas                 float64 // by how many of their standard errors loss and metric together are better
}

// compare compares model a with model b by their scores and replicates.
func compare(m gating.Metric, a, b gating.Score, ra, rb replicates) comparison {
	sign := 1.0
	if m.Smaller {
		sign = -1
	}
	c := comparison{loss: b.Loss - a.Loss, metric: sign * (a.Metric - b.Metric)}
	var losses, metrics []float64
	for i := range ra.loss {
		loss, metric := rb.loss[i]-ra.loss[i], sign*(ra.metric[i]-rb.metric[i])
		if !math.IsNaN(loss-loss) && !math.IsNaN(metric-metric) { // a draw may define no metric
			losses, metrics = append(losses, loss), append(metrics, metric)
		}
	}
	c.lossError, c.metricError = deviation(losses), deviation(metrics)
	together := func(loss, metric float64) float64 {
		return ratio(loss, c.lossError) + ratio(metric, c.metricError)
	}
	sums, no := make([]float64, len(losses)), 0
	for i := range losses {
		if sums[i] = together(losses[i], metrics[i]); !(sums[i] > 0) {
			no++
		}
	}
	c.chance = 1
	if len(sums) > 0 && a.Samples >= leastJudges {
		c.chance = max(float64(no)/float64(len(sums)), math.Pow(2, -float64(a.Samples)))
		c.sigmas = ratio(together(c.loss, c.metric), deviation(sums))
	}
	return c
}

// ratio is a difference in units of its standard error; one that never varies is very many of them.
func ratio(difference, err float64) float64 {
	if difference == 0 {
		return 0
	}
	return min(max(difference/err, -certain), certain)
}

// deviation is the standard deviation.
func deviation(list []float64) float64 {
	var sum, squares float64
	for _, v := range list {
		sum += v
	}
	mean := sum / float64(len(list))
	for _, v := range list {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(list)))
}
