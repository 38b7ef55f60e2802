package routed

import "math"

// elect returns the unified task vector of several, which must be of one length: of each weight the sign that the
// vectors have on average, a sum of zero counting as negative, and of those with that sign the largest magnitude
// (arXiv 2405.17461, section 3.2, Elect). It is 0 where no vector has that sign.
func elect(taus [][]float64) []float64 {
	out := make([]float64, len(taus[0]))
	for i := range out {
		var sum, most float64
		for _, tau := range taus {
			sum += tau[i]
		}
		sign := -1.0
		if sum > 0 {
			sign = 1
		}
		for _, tau := range taus {
			most = max(most, sign*tau[i])
		}
		if most > 0 {
			out[i] = sign * most
		}
	}
	return out
}

// agree says whether a task's mask keeps a weight: where its own task vector has the sign of the unified one (Mask).
func agree(own, unified float64) bool { return own > 0 && unified > 0 || own < 0 && unified < 0 }

// rescaling collects the two sums of a task's factor, over all tensors.
type rescaling struct{ own, kept float64 }

// add takes a task's vector and the unified one of a tensor.
func (r *rescaling) add(own, unified []float64) {
	for i, v := range own {
		r.own += math.Abs(v)
		if agree(v, unified[i]) {
			r.kept += math.Abs(unified[i])
		}
	}
}

// factor is lambda = sum |tau_t| / sum |M_t tau| (Rescale), which keeps the mean magnitude of the task's vector. A mask
// that keeps nothing leaves nothing to scale: then it is 1, and so where the sums are beyond what numbers hold.
func (r *rescaling) factor() float64 {
	f := r.own / r.kept
	if !(r.kept > 0) || math.IsInf(f, 0) || math.IsNaN(f) {
		return 1
	}
	return f
}
