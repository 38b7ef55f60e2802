package gating

// running is the mean and the variance of numbers that come one by one. Sums of squares
// less the squared mean would cancel where the mean is large; these do not
// (B. P. Welford, Note on a Method for Calculating Corrected Sums of Squares and Products, 1962).
type running struct {
	n       float64
	mean    float64
	squares float64 // sum of squared differences from the mean
}

// add takes one more number.
func (r *running) add(v float64) {
	r.n++
	d := v - r.mean
	r.mean += d / r.n
	r.squares += d * (v - r.mean)
}

// variance is the biased variance.
func (r *running) variance() float64 { return r.squares / r.n }
