package detection

import (
	"cmp"
	"slices"
)

// Curves are what precision and recall are counted from: of each class all predictions, best first.
type Curves struct {
	classes    []curve
	thresholds int
}

// curve is one class's.
type curve struct {
	found   []ranked
	objects []int // of each sample, how many objects of the class it has
}

// ranked is a prediction of a sample.
type ranked struct {
	score  float64
	sample int
	right  []bool // by threshold
	any    bool   // right at some threshold
}

// NewCurves sorts the predictions of all samples once, to be counted as often as wanted.
func NewCurves(samples []Judged, classes, thresholds int) *Curves {
	c := &Curves{make([]curve, classes), thresholds}
	for class := range c.classes {
		c.classes[class].objects = make([]int, len(samples))
	}
	for i, s := range samples {
		for _, class := range s.Objects {
			c.classes[class].objects[i]++
		}
		for _, f := range s.Found {
			at := &c.classes[f.Class]
			at.found = append(at.found, ranked{f.Score, i, f.Right, slices.Contains(f.Right, true)})
		}
	}
	for _, k := range c.classes {
		slices.SortStableFunc(k.found, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	}
	return c
}

// MeanPrecision is COCO's mean average precision over samples that count as often as their weights say, nil for once:
// the mean over thresholds and over the classes of which there are objects. It is 0/0, NaN, where there are none.
func (c *Curves) MeanPrecision(weights []float64) float64 {
	sum, of := 0.0, 0.0
	for i := range c.classes {
		if own, ok := c.classes[i].precisions(weights, c.thresholds); ok {
			for _, v := range own {
				sum += v
				of++
			}
		}
	}
	return sum / of
}

// point is a prediction that is right: the precision and the recall that are reached with it.
type point struct{ precision, recall float64 }

// precisions are a class's average precisions at all thresholds; false where there are no objects. Precision falls
// from one prediction that is right to the next, so that only these matter.
func (k *curve) precisions(weights []float64, thresholds int) ([]float64, bool) {
	weight := func(sample int) float64 {
		if weights == nil {
			return 1
		}
		return weights[sample]
	}
	objects := 0.0
	for sample, n := range k.objects {
		objects += weight(sample) * float64(n)
	}
	if objects == 0 {
		return nil, false
	}
	all, right, points := 0.0, make([]float64, thresholds), make([][]point, thresholds)
	for _, f := range k.found {
		w := weight(f.sample)
		if all += w; w == 0 || !f.any {
			continue
		}
		for t, ok := range f.right {
			if ok {
				right[t] += w
				points[t] = append(points[t], point{right[t] / all, right[t] / objects})
			}
		}
	}
	list := make([]float64, thresholds)
	for t := range list {
		list[t] = averagePrecision(points[t])
	}
	return list, true
}

// averagePrecision is the mean of the precision at 101 recalls from 0 to 1, each the best that is reached at that
// recall or a higher one.
func averagePrecision(points []point) float64 {
	for i := len(points) - 2; i >= 0; i-- {
		points[i].precision = max(points[i].precision, points[i+1].precision)
	}
	sum, at := 0.0, 0
	for r := range 101 {
		for at < len(points) && points[at].recall < float64(r)/100 {
			at++
		}
		if at < len(points) {
			sum += points[at].precision
		}
	}
	return sum / 101
}
