package search

import (
	"cmp"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating"
)

// Two ways to feed the same samples to the same models are compared sample by sample. The evidence that one is better
// is the mean difference in standard errors, of the losses and of the metric.

// evidence is by how many standard errors one way is better than another.
type evidence struct {
	loss, metric float64
	plain        float64 // of the losses as they are, which few samples may decide
}

// clear says that one way is better beyond doubt in one figure and not worse in the other.
func (e evidence) clear() bool {
	return max(e.loss, e.metric) >= clearErrors && min(e.loss, e.metric) >= -1
}

// fed is how one model or several did on samples that were fed to them in one way.
type fed struct {
	losses  []float64 // a sample, see damped
	plain   []float64 // a sample, as they are
	metrics []float64 // a sample; larger is better. Nil where the metric is no mean over samples
	loss    float64
	metric  float64
	smaller bool // a smaller metric is better
}

// better is the evidence that f is better than g.
func (f *fed) better(g *fed) evidence {
	e := evidence{loss: -paired(f.losses, g.losses), plain: -paired(f.plain, g.plain)}
	if f.metrics != nil && g.metrics != nil {
		e.metric = paired(f.metrics, g.metrics)
	}
	return e
}

// paired is the mean of a-b in standard errors, 0 where nothing differs. Few samples that all differ
// by the same are no proof: the deviation is at least that of one more sample without a difference.
//
// One of the two may have been fed more samples, of which those of the other are the first.
func paired(a, b []float64) float64 {
	both := min(len(a), len(b))
	a, b = a[:both], b[:both]
	n := float64(both + 1)
	var sum, squares float64
	for i := range a {
		sum += a[i] - b[i]
		squares += (a[i] - b[i]) * (a[i] - b[i])
	}
	mean := sum / n
	variance := squares/n - mean*mean
	if !(variance > 0) {
		return 0
	}
	return mean / math.Sqrt(variance/n)
}

// bestHalf is how the better half of the models did, by their losses: some may be broken or of another domain.
// Nil where no model has a finite loss.
func bestHalf(scores []gating.Score, smaller bool) *fed {
	return bestOf(scores, (len(scores)+1)/2, smaller)
}

// bestOf is how the best n of the models did, by their losses.
func bestOf(scores []gating.Score, n int, smaller bool) *fed {
	scores = slices.DeleteFunc(slices.Clone(scores), func(s gating.Score) bool { return !s.Finite() })
	if len(scores) == 0 {
		return nil
	}
	slices.SortStableFunc(scores, func(a, b gating.Score) int { return cmp.Compare(a.Loss, b.Loss) })
	scores = scores[:min(n, len(scores))]
	f, share := &fed{smaller: smaller}, 1/float64(len(scores))
	sign := share
	if smaller {
		sign = -share
	}
	for _, s := range scores {
		f.loss += share * s.Loss
		f.metric += share * s.Metric
		f.losses, f.plain = added(f.losses, damped(s.Losses()), share), added(f.plain, s.Losses(), share)
		f.metrics = added(f.metrics, s.Metrics(), sign)
	}
	return f
}

// added is a plus b times a factor; a nil list counts as zeros.
func added(a, b []float64, factor float64) []float64 {
	if b == nil {
		return a
	}
	if a == nil {
		a = make([]float64, len(b))
	}
	for i, v := range b {
		a[i] += factor * v
	}
	return a
}

// damped keeps few samples of enormous loss, as inputs of a wrong scale give, from deciding alone.
func damped(losses []float64) []float64 {
	out := make([]float64, len(losses))
	for i, v := range losses {
		out[i] = math.Log1p(math.Max(0, v))
		if math.IsNaN(v) {
			out[i] = 1e3
		}
	}
	return out
}
