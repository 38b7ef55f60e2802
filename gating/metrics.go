package gating

import (
	"iter"
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// accuracy is the share of positions whose largest score is the label's. The
// first of equal scores counts; a NaN never is the largest.
type accuracy struct {
	axis      int
	right, of int
}

func (a *accuracy) add(out, target *network.Tensor) {
	for label, answer := range answers(out, target, a.axis) {
		if answer == label {
			a.right++
		}
		a.of++
	}
}

// answers gives each position's label and the class of its largest score along an axis,
// the first of equal ones; -1 where no score is a number.
func answers(out, target *network.Tensor, axis int) iter.Seq2[int, int] {
	classes, stride := out.Shape[axis], 1
	for _, d := range out.Shape[axis+1:] {
		stride *= d
	}
	return func(yield func(label, answer int) bool) {
		for i, label := range target.I {
			first := i/stride*stride*classes + i%stride
			best, top := -1, math.Inf(-1)
			for c := range classes {
				if v := float64(out.F[first+c*stride]); v > top {
					best, top = c, v
				}
			}
			if !yield(int(label), best) {
				return
			}
		}
	}
}

func (a *accuracy) value() float64 { return float64(a.right) / float64(a.of) }

// binaryAccuracy is the share of elements on the label's side of one half.
type binaryAccuracy struct {
	form      network.Form
	right, of int
}

func (a *binaryAccuracy) add(out, target *network.Tensor) {
	cut := float32(0)
	if a.form == network.Probabilities {
		cut = 0.5
	}
	for i, v := range out.F {
		if (v > cut) == (number(target, i) > 0.5) {
			a.right++
		}
		a.of++
	}
}

func (a *binaryAccuracy) value() float64 { return float64(a.right) / float64(a.of) }

// squares is the mean squared error, or relative to the labels' variance r2 = 1 - mse/var.
type squares struct {
	relative bool
	errors   float64
	labels   running
}

func (s *squares) add(out, target *network.Tensor) {
	for i, v := range out.F {
		s.one(float64(v), number(target, i))
	}
}

// one adds one output and its label.
func (s *squares) one(out, label float64) {
	s.errors += (out - label) * (out - label)
	s.labels.add(label)
}

func (s *squares) value() float64 {
	if !s.relative {
		return s.errors / s.labels.n
	}
	return 1 - s.errors/s.labels.squares
}

// absolutes is the mean absolute error.
type absolutes struct{ errors, n float64 }

func (a *absolutes) add(out, target *network.Tensor) {
	for i, v := range out.F {
		a.errors += math.Abs(float64(v) - number(target, i))
		a.n++
	}
}

func (a *absolutes) value() float64 { return a.errors / a.n }

func number(t *network.Tensor, i int) float64 {
	if t.F != nil {
		return float64(t.F[i])
	}
	return float64(t.I[i])
}
