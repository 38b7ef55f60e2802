package metric

import "github.com/softmerge/softmerge/gating/network"

// ratio is a mean over positions, of which a sample may have several: the sum of what is
// counted by the number of positions, or a function of that.
type ratio struct {
	// one adds up one sample of a batch.
	one func(out, target *network.Tensor, sample int) (sum, of float64)
	// then is applied to the mean; nil for none.
	then func(mean float64) float64
	name string

	sums, ofs []float64 // one a sample
}

// Add adds up each sample.
func (r *ratio) Add(out, target *network.Tensor) {
	for i := range out.Shape[0] {
		sum, of := r.one(out, target, i)
		r.sums, r.ofs = append(r.sums, sum), append(r.ofs, of)
	}
}

// Value is the mean over the positions of all samples.
func (r *ratio) Value(weights []float64) float64 {
	var sum, of float64
	for i := range r.sums {
		w := weight(weights, i)
		sum += w * r.sums[i]
		of += w * r.ofs[i]
	}
	if r.then != nil {
		return r.then(sum / of)
	}
	return sum / of
}

// Shares are the sums, scaled so that their mean is the value.
func (r *ratio) Shares() []float64 {
	if r.then != nil {
		return nil
	}
	var of float64
	for _, v := range r.ofs {
		of += v
	}
	shares := make([]float64, len(r.sums))
	for i, v := range r.sums {
		shares[i] = v * float64(len(r.sums)) / of
	}
	return shares
}

// Joined appends the samples of another mean of the same name.
func (r *ratio) Joined(other Tally) (Tally, bool) {
	o, ok := other.(*ratio)
	if !ok || o.name != r.name {
		return nil, false
	}
	joined := *r
	joined.sums, joined.ofs = join(r.sums, o.sums), join(r.ofs, o.ofs)
	return &joined, true
}

// join returns a new list of two.
func join[T any](a, b []T) []T { return append(append(make([]T, 0, len(a)+len(b)), a...), b...) }

// Mean is a tally of a metric that was measured, one number a sample.
func Mean(values []float64) Tally {
	r := &ratio{name: "mean", sums: values, ofs: make([]float64, len(values))}
	for i := range r.ofs {
		r.ofs[i] = 1
	}
	return r
}
