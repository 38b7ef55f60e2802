package metric

import (
	"iter"
	"sync"

	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/gating/network"
)

// meanPrecision is COCO's mean average precision, over IoUs of .50 to .95. Outputs and labels are as network.Detection
// has them.
func meanPrecision(t Task) Metric { return ofObjects("map", t, detection.Thresholds) }

// meanPrecision50 is that at an IoU of .50, which is PASCAL VOC's.
func meanPrecision50(t Task) Metric { return ofObjects("map50", t, detection.Thresholds[:1]) }

func ofObjects(name string, t Task, thresholds []float64) Metric {
	return Metric{Name: name, tally: func() Tally {
		return &objects{name: name, classes: t.Classes, thresholds: thresholds, curves: &curves{}}
	}}
}

// objects keeps of each sample which predictions found an object.
type objects struct {
	name       string
	classes    int
	thresholds []float64
	judged     []detection.Judged
	curves     *curves
}

// curves are made once, when all samples are there.
type curves struct {
	once sync.Once
	of   *detection.Curves
}

// Add judges each sample.
func (o *objects) Add(out, target *network.Tensor) error {
	return network.EachPicture(out, target, func(p detection.Predictions, list []detection.Object) {
		o.judged = append(o.judged, detection.Judge(p, list, o.thresholds))
	})
}

// Value is the mean over classes and thresholds.
func (o *objects) Value(weights []float64) float64 {
	o.curves.once.Do(func() { o.curves.of = detection.NewCurves(o.judged, o.classes, len(o.thresholds)) })
	return o.curves.of.MeanPrecision(weights)
}

// Shares returns nil: it is no mean over samples.
func (o *objects) Shares() []float64 { return nil }

// Joined appends the samples of another tally of the same metric.
func (o *objects) Joined(other Tally) (Tally, bool) {
	b, ok := other.(*objects)
	if !ok || b.name != o.name || b.classes != o.classes {
		return nil, false
	}
	joined := *o
	joined.judged, joined.curves = join(o.judged, b.judged), &curves{}
	return &joined, true
}

// ObjectAnswers gives the class of each object and the likeliest class of the prediction that overlaps it most, -1
// where none overlaps it by half. Outputs and labels that do not go together give none.
func ObjectAnswers(out, target *network.Tensor) iter.Seq2[int, int] {
	return func(yield func(class, answer int) bool) {
		going := true
		_ = network.EachPicture(out, target, func(p detection.Predictions, list []detection.Object) {
			for _, o := range list {
				going = going && yield(o.Class, nearest(p, o))
			}
		})
	}
}

// nearest is the likeliest class of the prediction that overlaps an object most.
func nearest(p detection.Predictions, o detection.Object) int {
	at, most, answer := -1, 0.5, -1
	for i := range p.Len() {
		if v := detection.IoU(p.Box(i), o.Box); v >= most {
			at, most = i, v
		}
	}
	for c := 0; at >= 0 && c < p.Classes; c++ {
		if answer < 0 || p.Score(at, c) > p.Score(at, answer) {
			answer = c
		}
	}
	return answer
}
