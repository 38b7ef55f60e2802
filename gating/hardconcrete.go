package gating

import "math"

// The hard concrete distribution's constants, as arXiv 1712.01312 section 4 sets them.
const (
	beta  = 2.0 / 3 // temperature
	gamma = -0.1    // lower end of the stretched interval
	zeta  = 1.1     // upper end of the stretched interval
)

// minSum is the sum of a layer's gates from which dividing by it is safe. Below
// it the layer counts as all closed and takes softmax(log a) instead.
const minSum = 1e-3

// shift is beta ln(-gamma/zeta), by which P(z != 0) is shifted against log a.
var shift = beta * math.Log(-gamma/zeta)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// sample returns the gate z for noise u in (0,1), and dz/dlog_a:
// s = sigmoid((ln u - ln(1-u) + log a)/beta), z = min(1, max(0, s(zeta-gamma)+gamma)).
func sample(logAlpha, u float64) (z, dz float64) {
	s := sigmoid((math.Log(u) - math.Log1p(-u) + logAlpha) / beta)
	z = s*(zeta-gamma) + gamma
	switch {
	case z <= 0:
		return 0, 0
	case z >= 1:
		return 1, 0
	}
	return z, s * (1 - s) / beta * (zeta - gamma)
}

// Gate returns the gate's value without noise:
// min(1, max(0, sigmoid(log a)(zeta-gamma)+gamma)), exactly 0 or 1 for |log a| >= ln 11.
func Gate(logAlpha float64) float64 {
	if math.Abs(logAlpha) >= math.Log(11) {
		return (1 + math.Copysign(1, logAlpha)) / 2
	}
	return min(1, max(0, sigmoid(logAlpha)*(zeta-gamma)+gamma))
}

// gate returns the gate's value without noise, and its derivative.
func gate(logAlpha float64) (z, dz float64) {
	z = Gate(logAlpha)
	if z > 0 && z < 1 {
		s := sigmoid(logAlpha)
		dz = s * (1 - s) * (zeta - gamma)
	}
	return z, dz
}

// OpenProbability returns P(z != 0) = sigmoid(log a - beta ln(-gamma/zeta)), the
// surrogate of the l0 norm.
func OpenProbability(logAlpha float64) float64 { return sigmoid(logAlpha - shift) }

// Combine says how a layer's gates become coefficients. The zero value means Convex.
type Combine string

const (
	Convex Combine = "convex" // c_j = z_j / sum_k z_k
	Sum    Combine = "sum"    // c_j = z_j
)

// combine turns the gates of one unit into coefficients, in place of c. A parent
// that is excluded takes no part. With all gates closed the convex combination falls
// back to softmax(log a); fellBack says so.
func (m Combine) combine(z, logAlpha []float64, excluded []bool, c []float64) (fellBack bool) {
	var sum float64
	for j := range z {
		c[j] = 0
		if !excluded[j] {
			c[j] = z[j]
			sum += z[j]
		}
	}
	if m == Sum {
		return false
	}
	if sum < minSum {
		softmax(logAlpha, excluded, c)
		return true
	}
	for j := range c {
		c[j] /= sum
	}
	return false
}

// softmax writes softmax(x) over the parents that are not excluded into c.
func softmax(x []float64, excluded []bool, c []float64) {
	top := math.Inf(-1)
	for j, v := range x {
		if !excluded[j] {
			top = math.Max(top, v)
		}
	}
	var sum float64
	for j, v := range x {
		c[j] = 0
		if !excluded[j] {
			c[j] = math.Exp(v - top)
			sum += c[j]
		}
	}
	for j := range c {
		if sum > 0 {
			c[j] /= sum
		}
	}
}

// backward turns the gradient with respect to the coefficients of one unit, dc,
// into that with respect to log a. dz is dz/dlog_a of each gate.
func (m Combine) backward(z, dz, c, dc []float64, excluded []bool, fellBack bool, dLogAlpha []float64) {
	var sum, mean float64
	for j := range z {
		if !excluded[j] {
			sum += z[j]
			mean += dc[j] * c[j]
		}
	}
	for j := range z {
		switch {
		case excluded[j]:
			dLogAlpha[j] = 0
		case m == Sum:
			dLogAlpha[j] = dc[j] * dz[j]
		case fellBack: // softmax
			dLogAlpha[j] = c[j] * (dc[j] - mean)
		default: // d(z_j/sum)
			dLogAlpha[j] = (dc[j] - mean) / sum * dz[j]
		}
	}
}
