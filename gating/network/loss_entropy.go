package network

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// Entropy is the mean entropy of what the output says (AdaMerging, arXiv 2310.02575, equation 5): of the probabilities
// of the classes along Axis, or, where Axis is negative, of every element as the probability of one thing. It
// needs no labels; the target may be nil.
type Entropy struct {
	Form Form
	Axis int
}

// Name returns "entropy".
func (Entropy) Name() string { return "entropy" }

// Terms gives one term a position.
func (l Entropy) Terms(out, _ *op.Tensor, add func(sample int, loss, weight float64)) error {
	if l.Axis < 0 {
		size := perSample(out.Len(), out)
		for i, x := range out.F {
			h, _ := l.single(float64(x))
			add(i/size, h, 1)
		}
		return nil
	}
	c, err := classesAlong(l.Name(), out, l.Axis)
	if err != nil {
		return err
	}
	size := max(1, c.positions/max(1, out.Shape[0]))
	for i := range c.positions {
		add(i/size, l.entropy(out.F, c, c.first(i)), 1)
	}
	return nil
}

// entropy is that of the probabilities at one position.
func (l Entropy) entropy(f []float32, c classes, first int) float64 {
	lse := 0.0
	if l.Form == Logits {
		lse = c.logSumExp(f, first)
	}
	var h float64
	for k := range c.count {
		p, log := l.probability(float64(f[first+k*c.stride]), lse)
		if p > 0 {
			h -= p * log
		}
	}
	return h
}

// probability is the probability that an element stands for, and its logarithm.
func (l Entropy) probability(x, lse float64) (p, log float64) {
	if l.Form == Probabilities {
		return x, math.Log(math.Max(x, tiny))
	}
	return math.Exp(x - lse), x - lse
}

// single is the entropy of one element, and its slope.
func (l Entropy) single(x float64) (h, slope float64) {
	if l.Form == Probabilities {
		p := math.Min(math.Max(x, tiny), 1-tiny)
		return -p*math.Log(p) - (1-p)*math.Log1p(-p), math.Log1p(-p) - math.Log(p)
	}
	p := 1 / (1 + math.Exp(-x))
	h = math.Max(x, 0) - x*p + math.Log1p(math.Exp(-math.Abs(x)))
	return h, -x * p * (1 - p)
}

// Gradient of logits is -p (ln p + H) over the number of positions.
func (l Entropy) Gradient(out, _ *op.Tensor, scale float32, dx []float32) error {
	if l.Axis < 0 {
		g := float64(scale) / float64(max(1, out.Len()))
		for i, x := range out.F {
			_, slope := l.single(float64(x))
			dx[i] = float32(g * slope)
		}
		return nil
	}
	c, err := classesAlong(l.Name(), out, l.Axis)
	if err != nil {
		return err
	}
	g := float64(scale) / float64(max(1, c.positions))
	for i := range c.positions {
		l.slopes(out.F, c, c.first(i), g, dx)
	}
	return nil
}

// slopes writes g times the gradient at one position.
func (l Entropy) slopes(f []float32, c classes, first int, g float64, dx []float32) {
	h, lse := 0.0, 0.0
	if l.Form == Logits {
		h, lse = l.entropy(f, c, first), c.logSumExp(f, first)
	}
	for k := range c.count {
		at := first + k*c.stride
		p, log := l.probability(float64(f[at]), lse)
		switch {
		case l.Form == Probabilities && p > tiny:
			dx[at] = float32(-g * (log + 1))
		case l.Form == Probabilities || p == 0:
			dx[at] = 0
		case l.Form == LogProbabilities:
			dx[at] = float32(-g * p * (log + 1))
		default:
			dx[at] = float32(-g * p * (log + h))
		}
	}
}
