package detection

import (
	"cmp"
	"math"
	"slices"
)

// Predictions are what a detector says of one sample: rows of x1, y1, x2, y2 and a probability for each class.
type Predictions struct {
	Rows    []float32
	Classes int
}

// Len is the number of predictions.
func (p Predictions) Len() int { return len(p.Rows) / (4 + p.Classes) }

// Box is the box of a prediction.
func (p Predictions) Box(i int) Box { return box(p.Rows[i*(4+p.Classes):]) }

// Score is a prediction's probability of a class.
func (p Predictions) Score(i, class int) float64 { return float64(p.Rows[i*(4+p.Classes)+4+class]) }

// Share says how far a prediction should stand for an object: 1 for the one that does it best.
type Share struct {
	Prediction, Object int
	Weight             float64
}

// Constants of task alignment, as its authors and YOLOv8 have them.
const (
	candidates   = 10 // predictions that may stand for an object
	sharpness    = 6  // power of the IoU
	leastOverlap = 1e-3
)

// Assign says which predictions should stand for which objects, by task alignment (C. Feng and others, TOOD, arXiv
// 2108.07755): how well one does so already is its score of the object's class times the sixth power of the IoU, and
// its share is that relative to the best. Detectors that give each object several cells and those that give it one are
// served alike: where others say nothing of an object, their share is next to nothing. An object that no prediction
// touches is for the nearest one. A prediction stands for one object at most.
func Assign(p Predictions, objects []Object) []Share {
	owner := make([]Share, p.Len()) // of each prediction, by its best IoU
	best := make([]float64, p.Len())
	for i := range owner {
		owner[i].Object = -1
	}
	for o, object := range objects {
		for _, s := range aligned(p, object, o) {
			if overlap := 1 + GIoU(p.Box(s.Prediction), object.Box); owner[s.Prediction].Object < 0 ||
				overlap > best[s.Prediction] {
				owner[s.Prediction], best[s.Prediction] = s, overlap
			}
		}
	}
	return slices.DeleteFunc(owner, func(s Share) bool { return s.Object < 0 })
}

// aligned are the predictions that fit an object best.
func aligned(p Predictions, object Object, number int) []Share {
	var list []Share
	nearest, distance := -1, math.Inf(-1)
	for i := range p.Len() {
		at := p.Box(i)
		if near := GIoU(at, object.Box); near > distance {
			nearest, distance = i, near
		}
		if overlap := IoU(at, object.Box); overlap > leastOverlap {
			if fit := p.Score(i, object.Class) * math.Pow(overlap, sharpness); fit > 0 {
				list = append(list, Share{i, number, fit})
			}
		}
	}
	if len(list) == 0 {
		if nearest < 0 {
			return nil
		}
		return []Share{{nearest, number, 1}}
	}
	slices.SortStableFunc(list, func(a, b Share) int { return cmp.Compare(b.Weight, a.Weight) })
	list = list[:min(len(list), candidates)]
	most := list[0].Weight
	for i := range list {
		list[i].Weight /= most
	}
	return list
}
