package search

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// noBetterThanChance doubts data on which every parent is no better than an answer that
// does not look at the sample: for classes neither more often right than the most frequent
// class nor of less loss than their frequencies, for numbers no better than the mean. Rare
// classes alone are no reason to doubt: good models then have little more accuracy, but less loss.
func (m *search) noBetterThanChance(ctx context.Context) (*doubt, error) {
	return m.anyHead(func(h objective.Head, i int) (*doubt, error) { return m.headByChance(ctx, h, i) })
}

// headByChance doubts the labels of one head.
func (m *search) headByChance(ctx context.Context, h objective.Head, i int) (*doubt, error) {
	var chance gating.Score
	what := "always answering the mean"
	switch {
	case h.Indexed() && h.Metric.Name == "accuracy":
		chance, what = surelyMore(frequencies(m.learn.Data(), i, h.Classes)), mostFrequent
	case h.Metric.Name == "r2":
		chance.Loss = math.Inf(-1)
	case isOfNumbers(h.Loss):
		chance.Loss, chance.Metric = lossOfMean(m.learn.Data(), i, h.Loss), math.Inf(-1)
		what = fmt.Sprintf("%s, with a loss of %.4g", what, chance.Loss)
	case h.Layout() != "" && !h.Metric.Smaller:
		chance.Loss, chance.Metric, what = math.Inf(-1), leastPrecision, "finding nothing"
	default:
		return m.headByPlainMetric(ctx, h, i)
	}
	best := math.NaN()
	for _, s := range m.scores {
		if !s.Finite() {
			continue
		}
		own := s.Heads[i]
		if h.Metric.Better(own.Metric, chance.Metric) || own.Loss < chance.Loss {
			return nil, nil
		}
		if h.Metric.Better(own.Metric, best) {
			best = own.Metric
		}
	}
	if math.IsNaN(best) {
		return nil, nil // nothing can be run, or has a finite loss: said elsewhere
	}
	return byChance(h, what, h.Metric.Name, best), nil
}

// byChance is the doubt that no model is better than answers that do not look at the sample.
func byChance(h objective.Head, than, metric string, best float64) *doubt {
	return &doubt{fmt.Sprintf("no model is better than %s: the best has %s %.4g", than, metric, best), lookAt(h)}
}

// lookAt says what to look at where no model is better than chance.
func lookAt(h objective.Head) string {
	const figures = " with softmerge eval: the models should show the figures you know"
	switch {
	case h.Layout() != "":
		return "check scaling, layout and order of classes" + figures + "; outputs must hold decoded boxes"
	case isOfNumbers(h.Loss):
		return "check the unit and order of the labels and the scaling of the inputs" + figures
	}
	return "check scaling, layout and order of classes" + figures
}

const mostFrequent = "always answering the most frequent class"

// headByPlainMetric doubts the labels of one head whose own metric has no level of chance: by the loss, and where no
// model has less than answers that do not look at the sample, by a metric that has such a level.
func (m *search) headByPlainMetric(ctx context.Context, h objective.Head, i int) (*doubt, error) {
	name, what, chance := plainChance(m.learn.Data(), h, i)
	for _, s := range m.scores {
		if name == "" || s.Finite() && s.Heads[i].Loss < chance.Loss {
			return nil, nil
		}
	}
	some, err := m.sampled(movedSamples)
	if err != nil {
		return nil, err
	}
	some, fits := some.JudgedBy(i, name)
	best := math.Inf(-1)
	for j, model := range m.judged() {
		if !fits || !m.scores[j].Finite() {
			continue
		}
		s, err := some.Score(ctx, model)
		if err != nil {
			return nil, err
		}
		own := s.Heads[i].Metric
		if !(own <= chance.Metric) { // one that is not defined says nothing
			return nil, nil
		}
		best = max(best, own)
	}
	if math.IsInf(best, -1) {
		return nil, nil
	}
	return byChance(h, what, name, best), nil
}

// plainChance names a metric that has a level of chance for a head's labels, and says what answers have by chance that
// do not look at the sample, in words too. The name is empty where there is no such metric.
func plainChance(d *dataset.Data, h objective.Head, i int) (name, what string, chance gating.Score) {
	switch l := h.Loss.(type) {
	case network.CrossEntropy:
		if h.Indexed() && h.Classes <= movedMost {
			return "accuracy", mostFrequent, surelyMore(frequencies(d, i, h.Classes))
		}
		if !h.Indexed() && d.LabelAt(i).Size() == h.Classes {
			chance = surelyMore(likeliest(d, i, h.Classes))
			l.Form = network.Probabilities
			chance.Loss = lossOfMean(d, i, l)
			return "accuracy", mostFrequent, chance
		}
	case network.BCE:
		chance.Loss = lossOfMean(d, i, network.BCE{Form: network.Probabilities})
		chance.Metric = 0.5 + surely*areaError(d, i)
		return "auc", "answering how frequent each is", chance
	}
	return "", "", chance
}

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

// surelyMore is a score whose metric, a share of samples, has what chance may add to it.
func surelyMore(s gating.Score) gating.Score {
	s.Metric += surely * math.Sqrt(s.Metric*(1-s.Metric)/float64(s.Samples))
	return s
}

// lossOfMean is the loss of answering a sample with the mean of what the labels of all others of its shape have in its
// place: the mean of a few numbers would be near each of them for having it in it. It is infinite where there are no
// others, and where some do not count.
func lossOfMean(d *dataset.Data, label int, loss network.Loss) float64 {
	var sum, of float64
	for _, p := range d.Parts() {
		c := p.LabelAt(label)
		if c.Len() < 2 || slices.Contains(c.Ints, network.Ignored) {
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
			add := func(_ int, term, weight float64) { sum, of = sum+term*weight, of+weight }
			if err := loss.Terms(answer, target, add); err != nil {
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

// likeliest is the score of always answering the class that is the likeliest of most labels, which are probabilities.
func likeliest(d *dataset.Data, label, classes int) (s gating.Score) {
	counts := make([]int, classes)
	for _, p := range d.Parts() {
		for row := range slices.Chunk(p.LabelAt(label).Floats, classes) {
			counts[slices.Index(row, slices.Max(row))]++
			s.Samples++
		}
	}
	s.Metric = float64(slices.Max(counts)) / float64(max(1, s.Samples))
	return s
}

// areaError is the standard error of the area under the curve of answers at random, the mean over the places of a label
// that is 0 or 1 there (Mann and Whitney 1947).
func areaError(d *dataset.Data, label int) float64 {
	var sum, of float64
	for _, p := range d.Parts() {
		c := p.LabelAt(label)
		positive := make([]float64, c.Size())
		eachLabel(c, func(at int, v float64) {
			if v > 0.5 {
				positive[at]++
			}
		})
		n := float64(c.Len())
		for _, k := range positive {
			if k > 0 && k < n {
				sum += math.Sqrt((n + 1) / (12 * k * (n - k)))
				of++
			}
		}
	}
	return sum / of
}
