package search

import (
	"math"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// What answers are worth that do not look at the sample.

// isOfNumbers says whether a loss is of numbers.
func isOfNumbers(l network.Loss) bool {
	switch l.(type) {
	case network.MSE, network.MAE, network.Huber:
		return true
	}
	return false
}

// frequencies is the score of answering the frequencies of the classes of a label: the most frequent
// one's share as accuracy, the entropy as loss.
func frequencies(d *dataset.Data, label, classes int) gating.Score {
	counts := make([]int, classes)
	s := gating.Score{}
	for _, p := range d.Parts() {
		for _, v := range p.LabelAt(label).Ints {
			if v >= 0 { // else it does not count
				counts[v]++
				s.Samples++
			}
		}
	}
	for _, n := range counts {
		if share := float64(n) / float64(s.Samples); n > 0 {
			s.Metric = max(s.Metric, share)
			s.Loss -= share * math.Log(share)
		}
	}
	return s
}

// lossOfMean is the loss of answering a sample with the mean of what the labels of all others of its shape have in its
// place: the mean of a few numbers would be near each of them for having it in it. It is infinite where there are no
// others.
func lossOfMean(d *dataset.Data, label int, loss network.Loss) float64 {
	var sum, of float64
	for _, p := range d.Parts() {
		c := p.LabelAt(label)
		if c.Len() < 2 {
			return math.Inf(1)
		}
		total := make([]float64, c.Size())
		eachLabel(c, func(at int, v float64) { total[at] += v })
		one := network.Spec{Type: onnx.Float32, Shape: append([]int{1}, c.Shape...)}
		target, answer := network.NewTensor(one), network.NewTensor(one)
		eachLabel(c, func(at int, v float64) {
			target.F[at], answer.F[at] = float32(v), float32((total[at]-v)/float64(c.Len()-1))
			if at < len(total)-1 {
				return
			}
			err := loss.Terms(answer, target, func(_ int, term, weight float64) { sum, of = sum+term*weight, of+weight })
			if err != nil {
				sum = math.Inf(1) // cannot be told
			}
		})
	}
	return sum / of
}

// eachLabel visits all numbers of a label with their places in a sample, sample after sample.
func eachLabel(c *dataset.Column, visit func(at int, v float64)) {
	size := c.Size()
	for i, v := range c.Floats {
		visit(i%size, float64(v))
	}
	for i, v := range c.Ints {
		visit(i%size, float64(v))
	}
}
