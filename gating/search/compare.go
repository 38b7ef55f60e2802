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
	chance                 float64 // that chance alone makes it look so much better, by the clearer of two tests
	sigmas                 float64 // by how many standard errors it is better, by the test that says more
}

// compare compares model a with model b by their scores and replicates. There are two tests, of the loss, and of loss
// and metric together, each in its standard errors: a metric that counts few samples says little where the losses
// differ in all, and where the metric says much the loss is only a part of it.
func compare(m gating.Metric, a, b gating.Score, ra, rb replicates) comparison {
	sign := 1.0
	if m.Smaller {
		sign = -1
	}
	c := comparison{loss: b.Loss - a.Loss, metric: sign * (a.Metric - b.Metric), chance: 1}
	var losses, metrics []float64
	for i := range ra.loss {
		loss, metric := rb.loss[i]-ra.loss[i], sign*(ra.metric[i]-rb.metric[i])
		if !math.IsNaN(loss-loss) && !math.IsNaN(metric-metric) { // a draw may define no metric
			losses, metrics = append(losses, loss), append(metrics, metric)
		}
	}
	c.lossError, c.metricError = deviation(losses), deviation(metrics)
	if len(losses) == 0 || a.Samples < leastJudges {
		return c
	}
	together := make([]float64, len(losses))
	for i := range losses {
		together[i] = ratio(losses[i], c.lossError) + ratio(metrics[i], c.metricError)
	}
	both := ratio(c.loss, c.lossError) + ratio(c.metric, c.metricError)
	c.chance = max(min(noBetter(losses), noBetter(together)), math.Pow(2, -float64(a.Samples)))
	c.sigmas = max(ratio(c.loss, c.lossError), ratio(both, deviation(together)))
	return c
}

// noBetter is how often, of all draws, a difference is not above zero.
func noBetter(draws []float64) float64 {
	n := 0
	for _, v := range draws {
		if !(v > 0) {
			n++
		}
	}
	return float64(n) / float64(len(draws))
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
