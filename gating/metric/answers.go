package metric

import (
	"iter"
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// Answers gives the label of each position of a batch, and the class of its largest score along an axis, the first
// of equal ones; -1 where no score is a number. Labels that hold probabilities of classes stand for the
// likeliest. Positions that are ignored are left out.
func Answers(out, target *network.Tensor, axis int) iter.Seq2[int, int] {
	return func(yield func(label, answer int) bool) {
		for _, p := range positions(out, target, axis) {
			if p.label != network.Ignored && !yield(p.label, largest(out.F, p)) {
				return
			}
		}
	}
}

// position is one place of an output at which it answers with a class.
type position struct {
	sample               int
	first, count, stride int // of its scores
	label                int
}

// positions numbers the positions of a batch.
func positions(out, target *network.Tensor, axis int) iter.Seq2[int, position] {
	count, stride := out.Shape[axis], 1
	for _, d := range out.Shape[axis+1:] {
		stride *= d
	}
	n := out.Len() / count
	perSample := max(1, n/out.Shape[0])
	return func(yield func(int, position) bool) {
		for i := range n {
			p := position{i / perSample, i/stride*stride*count + i%stride, count, stride, 0}
			if target.F != nil {
				p.label = largest(target.F, p)
			} else {
				p.label = int(target.I[i])
			}
			if !yield(i, p) {
				return
			}
		}
	}
}

// largest is the class of the largest score, the first of equal ones; -1 where none is a number.
func largest(scores []float32, p position) int {
	best, top := -1, math.Inf(-1)
	for c := range p.count {
		if v := float64(scores[p.first+c*p.stride]); v > top {
			best, top = c, v
		}
	}
	return best
}

// accuracy is the share of positions whose largest score is the label's. The
// first of equal scores counts; a NaN never is the largest.
func accuracy(t Task) Metric {
	return meanOf(t.name("accuracy"), false, func(out, target *network.Tensor, add func(int, float64, float64)) error {
		for _, p := range positions(out, target, t.Axis) {
			add(right(p, largest(out.F, p) == p.label))
		}
		return nil
	}, nil)
}

// right is the term of a position: 1 for a right answer, no weight where it is ignored.
func right(p position, ok bool) (sample int, figure, weight float64) {
	if ok {
		figure = 1
	}
	if p.label != network.Ignored {
		weight = 1
	}
	return p.sample, figure, weight
}

// top5 is the share of positions at which fewer than five classes have a score above the label's.
func top5(t Task) Metric {
	return meanOf("top5", false, func(out, target *network.Tensor, add func(int, float64, float64)) error {
		for _, p := range positions(out, target, t.Axis) {
			add(right(p, p.label >= 0 && rank(out.F, p) < 5))
		}
		return nil
	}, nil)
}

// rank is how many classes come before the label; of equal scores the first does.
func rank(scores []float32, p position) int {
	own, before := scores[p.first+p.label*p.stride], 0
	if own != own {
		return p.count
	}
	for c := range p.count {
		if v := scores[p.first+c*p.stride]; v > own || v == own && c < p.label {
			before++
		}
	}
	return before
}

// sided is the share of elements on the label's side of one half.
func sided(t Task) Metric {
	name := t.name("accuracy")
	return Metric{Name: name, tally: func() Tally {
		return &mean{name: "single " + name, terms: func(out, target *network.Tensor,
			add func(int, float64, float64)) error {
			size := out.Len() / out.Shape[0]
			for i, v := range out.F {
				ok := 0.0
				if t.positive(v) == (number(target, i) > 0.5) {
					ok = 1
				}
				if ignored(target, i) {
					add(i/size, 0, 0)
				} else {
					add(i/size, ok, 1)
				}
			}
			return nil
		}}
	}}
}
