package metric

import (
	"iter"
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// Accuracy is the share of positions whose largest score along an axis is the label's.
// The first of equal scores counts; a NaN never is the largest.
func Accuracy(axis int) Metric {
	return Metric{Name: "accuracy", tally: func() Tally {
		return &ratio{name: "accuracy", one: func(out, target *network.Tensor, sample int) (right, of float64) {
			for label, answer := range answers(out, target, axis, sample) {
				if answer == label {
					right++
				}
				of++
			}
			return right, of
		}}
	}}
}

// Answers gives the label of each position of a batch, and the class of its largest score
// along an axis, the first of equal ones; -1 where no score is a number.
func Answers(out, target *network.Tensor, axis int) iter.Seq2[int, int] {
	return func(yield func(label, answer int) bool) {
		for sample := range out.Shape[0] {
			for label, answer := range answers(out, target, axis, sample) {
				if !yield(label, answer) {
					return
				}
			}
		}
	}
}

// answers gives labels and answers of one sample.
func answers(out, target *network.Tensor, axis, sample int) iter.Seq2[int, int] {
	classes, stride := out.Shape[axis], 1
	for _, d := range out.Shape[axis+1:] {
		stride *= d
	}
	positions := len(target.I) / out.Shape[0]
	return func(yield func(label, answer int) bool) {
		for i := sample * positions; i < (sample+1)*positions; i++ {
			first := i/stride*stride*classes + i%stride
			best, top := -1, math.Inf(-1)
			for c := range classes {
				if v := float64(out.F[first+c*stride]); v > top {
					best, top = c, v
				}
			}
			if !yield(int(target.I[i]), best) {
				return
			}
		}
	}
}

// BinaryAccuracy is the share of elements on the label's side of one half.
func BinaryAccuracy(form network.Form) Metric {
	cut := float32(0)
	if form == network.Probabilities {
		cut = 0.5
	}
	return Metric{Name: "accuracy", tally: func() Tally {
		return &ratio{name: "binary accuracy", one: func(out, target *network.Tensor, sample int) (right, of float64) {
			from, to := elements(out, sample)
			for i := from; i < to; i++ {
				if (out.F[i] > cut) == (number(target, i) > 0.5) {
					right++
				}
			}
			return right, float64(to - from)
		}}
	}}
}

// elements returns where the elements of a sample begin and end.
func elements(out *network.Tensor, sample int) (from, to int) {
	size := out.Len() / out.Shape[0]
	return sample * size, (sample + 1) * size
}
