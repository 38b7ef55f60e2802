package metric

import (
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// Metric is a figure users know, better when larger or when smaller.
type Metric struct {
	Name    string
	Smaller bool // smaller is better
	tally   func() Tally
}

// Better says whether value a is better than b; NaN is worse than anything.
func (m Metric) Better(a, b float64) bool {
	switch {
	case math.IsNaN(a):
		return false
	case math.IsNaN(b):
		return true
	case m.Smaller:
		return a < b
	}
	return a > b
}

// Tally starts counting. It is nil for the metric that is the loss itself, which is added up elsewhere.
func (m Metric) Tally() Tally {
	if m.tally == nil {
		return nil
	}
	return m.tally()
}

// Tally keeps of every sample what a metric needs, in the order in which samples are added.
// Once all are added it may be read by several goroutines.
type Tally interface {
	// Add takes the outputs and the labels of further samples, which axis 0 counts. Errors are of kind
	// network.ErrShape, for labels that do not fit the output.
	Add(out, target *network.Tensor) error

	// Value is the metric over all samples, each counted as often as its weight says;
	// nil counts each once. It is NaN where the samples that count do not define it.
	Value(weights []float64) float64

	// Shares returns one number a sample, whose mean is Value(nil), where the metric is such
	// a mean (accuracy, mse, mae); else nil.
	Shares() []float64

	// Joined returns a tally of the samples of both, those of the other last; false if the
	// other is of another metric.
	Joined(other Tally) (Tally, bool)
}

// weight is how often a sample counts.
func weight(weights []float64, sample int) float64 {
	if weights == nil {
		return 1
	}
	return weights[sample]
}

// number is element i of a tensor, whichever kind it holds.
func number(t *network.Tensor, i int) float64 {
	if t.F != nil {
		return float64(t.F[i])
	}
	return float64(t.I[i])
}

// ignored says whether element i of the labels does not count.
func ignored(target *network.Tensor, i int) bool {
	return target.I != nil && target.I[i] == network.Ignored
}
