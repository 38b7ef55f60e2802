package detection

import (
	"cmp"
	"slices"
)

// Thresholds are the IoUs above which a prediction counts as right in COCO's mean average precision.
var Thresholds = []float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95}

// How predictions are thinned out before they are judged, as YOLO's validation does: of boxes of one class that
// overlap by more than duplicate only that of the highest score is kept.
const (
	leastScore = 1e-3
	duplicate  = 0.7
	perClass   = 100 // as COCO
)

// Found is a prediction that was kept of a sample, and at which thresholds it was right.
type Found struct {
	Class int
	Score float64
	Right []bool // by threshold
}

// Judged is what a metric keeps of one sample.
type Judged struct {
	Found   []Found
	Objects []int // classes of the objects there are
}

// Judge thins out a sample's predictions and matches them with its objects, as COCO does: in the order of their scores
// each takes the object of its class that it overlaps most and that is not taken yet.
func Judge(p Predictions, objects []Object, thresholds []float64) Judged {
	var j Judged
	for _, o := range objects {
		j.Objects = append(j.Objects, o.Class)
	}
	for class := range p.Classes {
		var there []Box
		for _, o := range objects {
			if o.Class == class {
				there = append(there, o.Box)
			}
		}
		j.Found = append(j.Found, matched(p, class, kept(p, class), there, thresholds)...)
	}
	return j
}

// kept are the predictions of a class without duplicates, best first.
func kept(p Predictions, class int) []int {
	var order []int
	for i := range p.Len() {
		if p.Score(i, class) > leastScore {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Score(b, class), p.Score(a, class)) })
	var list []int
	for _, i := range order {
		again := slices.ContainsFunc(list, func(k int) bool { return IoU(p.Box(i), p.Box(k)) > duplicate })
		if !again && len(list) < perClass {
			list = append(list, i)
		}
	}
	return list
}

// matched says of predictions in the order of their scores at which thresholds they have found an object.
func matched(p Predictions, class int, list []int, there []Box, thresholds []float64) []Found {
	out := make([]Found, len(list))
	for n, i := range list {
		out[n] = Found{class, p.Score(i, class), make([]bool, len(thresholds))}
	}
	for t, least := range thresholds {
		taken := make([]bool, len(there))
		for n, i := range list {
			at, most := -1, least
			for o, b := range there {
				if v := IoU(p.Box(i), b); !taken[o] && v >= most {
					at, most = o, v
				}
			}
			if at >= 0 {
				taken[at], out[n].Right[t] = true, true
			}
		}
	}
	return out
}
