package metric

import "github.com/softmerge/softmerge/gating/network"

// r2 is the coefficient of determination over all elements: one less the squared errors by
// the squared deviations of the labels from their mean.
func r2(Task) Metric { return Metric{Name: "r2", tally: func() Tally { return &determination{} }} }

// determination keeps of each sample its squared errors and the moments of its labels.
type determination struct {
	samples []moments
}

// moments are those of the labels of one sample. Sums of squares less the squared mean would
// cancel where the mean is large; squared deviations do not.
type moments struct {
	errors  float64 // squared, of the outputs
	n, mean float64
	squares float64 // sum of squared deviations from the mean
}

// Add takes samples.
func (t *determination) Add(out, target *network.Tensor) error {
	size := out.Len() / out.Shape[0]
	for sample := range out.Shape[0] {
		var m moments
		for i := sample * size; i < (sample+1)*size; i++ {
			label := number(target, i)
			m.errors += (float64(out.F[i]) - label) * (float64(out.F[i]) - label)
			m.n++
			d := label - m.mean
			m.mean += d / m.n
			m.squares += d * (label - m.mean)
		}
		t.samples = append(t.samples, m)
	}
	return nil
}

// Value is 1 - errors/deviations; NaN or infinite where all labels are the same.
func (t *determination) Value(weights []float64) float64 {
	var n, mean, errors, squares float64
	for i, m := range t.samples {
		n += weight(weights, i) * m.n
		mean += weight(weights, i) * m.n * m.mean
	}
	mean /= n
	for i, m := range t.samples {
		w, d := weight(weights, i), m.mean-mean
		errors += w * m.errors
		squares += w * (m.squares + m.n*d*d)
	}
	return 1 - errors/squares
}

// Shares returns nil: it is no mean.
func (t *determination) Shares() []float64 { return nil }

// Joined appends the samples of another r2.
func (t *determination) Joined(other Tally) (Tally, bool) {
	o, ok := other.(*determination)
	if !ok {
		return nil, false
	}
	return &determination{join(t.samples, o.samples)}, true
}
