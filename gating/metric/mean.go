package metric

import (
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// terms calls add for every position of a batch with the sample it belongs to, a figure, and its weight: 0 for a
// position that does not count. It is network.Loss's Terms.
type terms func(out, target *network.Tensor, add func(sample int, figure, weight float64)) error

// mean is a metric that is the mean over the positions of all samples, or a function of that.
type mean struct {
	name  string
	terms terms
	then  func(mean float64) float64 // nil for none

	sums, ofs []float64 // of each sample, figures and weights added up
}

// meanOf is a metric that is a mean.
func meanOf(name string, smaller bool, t terms, then func(float64) float64) Metric {
	return Metric{Name: name, Smaller: smaller, tally: func() Tally { return &mean{name: name, terms: t, then: then} }}
}

// Mean is the tally of a metric that is measured already, one figure a sample.
func Mean(figures []float64) Tally {
	m := &mean{name: "mean", sums: figures, ofs: make([]float64, len(figures))}
	for i := range m.ofs {
		m.ofs[i] = 1
	}
	return m
}

// Add adds up each sample.
func (m *mean) Add(out, target *network.Tensor) error {
	first := len(m.sums)
	m.sums = append(m.sums, make([]float64, out.Shape[0])...)
	m.ofs = append(m.ofs, make([]float64, out.Shape[0])...)
	return m.terms(out, target, func(sample int, figure, weight float64) {
		m.sums[first+sample] += figure * weight
		m.ofs[first+sample] += weight
	})
}

// Value is the mean over the positions of all samples.
func (m *mean) Value(weights []float64) float64 {
	var sum, of float64
	for i := range m.sums {
		if w := weight(weights, i); w != 0 {
			sum += w * m.sums[i]
			of += w * m.ofs[i]
		}
	}
	if m.then != nil {
		return m.then(sum / of)
	}
	return sum / of
}

// Shares are the sums, scaled so that their mean is the value.
func (m *mean) Shares() []float64 {
	if m.then != nil {
		return nil
	}
	var of float64
	for _, v := range m.ofs {
		of += v
	}
	shares := make([]float64, len(m.sums))
	for i, v := range m.sums {
		shares[i] = v * float64(len(m.sums)) / of
	}
	return shares
}

// Joined appends the samples of another mean of the same name.
func (m *mean) Joined(other Tally) (Tally, bool) {
	o, ok := other.(*mean)
	if !ok || o.name != m.name {
		return nil, false
	}
	joined := *m
	joined.sums, joined.ofs = join(m.sums, o.sums), join(m.ofs, o.ofs)
	return &joined, true
}

// join returns a new list of two.
func join[T any](a, b []T) []T { return append(append(make([]T, 0, len(a)+len(b)), a...), b...) }

// mse is the mean squared error over all elements.
func mse(Task) Metric { return meanOf("mse", true, network.MSE{}.Terms, nil) }

// rmse is the root of the mean squared error.
func rmse(Task) Metric { return meanOf("rmse", true, network.MSE{}.Terms, math.Sqrt) }

// mae is the mean absolute error over all elements.
func mae(Task) Metric { return meanOf("mae", true, network.MAE{}.Terms, nil) }

// perplexity is the exponential of the mean negative log-likelihood of the labels over all positions, each of
// which weighs the same.
func perplexity(t Task) Metric {
	return meanOf("perplexity", true, network.CrossEntropy{Form: t.Form, Axis: t.Axis}.Terms, math.Exp)
}
