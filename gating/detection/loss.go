package detection

import "math"

// boxWeight is what boxes weigh beside classes in the loss.
const boxWeight = 2

// tiny keeps probabilities from 0 and 1 before their logarithm is taken.
const tiny = 1e-7

// Loss is how far predictions are from the objects, and its gradient, if one is given, is added to that times scale:
// the binary cross-entropy of all scores against the shares of [Assign], and twice 1 - GIoU of the boxes of those that
// stand for an object, both relative to the sum of shares. The shares count as constants.
func Loss(p Predictions, objects []Object, scale float64, gradient []float32) float64 {
	shares := Assign(p, objects)
	wanted, sum := make([]float64, p.Len()*p.Classes), 0.0
	for _, s := range shares {
		wanted[s.Prediction*p.Classes+objects[s.Object].Class] = s.Weight
		sum += s.Weight
	}
	of := max(1, sum)
	total := 0.0
	for i := range p.Len() {
		for c := range p.Classes {
			loss, slope := cross(p.Score(i, c), wanted[i*p.Classes+c])
			total += loss / of
			if gradient != nil {
				gradient[i*(4+p.Classes)+4+c] += float32(scale * slope / of)
			}
		}
	}
	for _, s := range shares {
		v, slope := giou(p.Box(s.Prediction), objects[s.Object].Box)
		total += boxWeight * s.Weight * (1 - v) / of
		for k := range slope {
			if gradient != nil {
				gradient[s.Prediction*(4+p.Classes)+k] -= float32(scale * boxWeight * s.Weight * slope[k] / of)
			}
		}
	}
	return total
}

// cross is the binary cross-entropy of a probability and its slope.
func cross(probability, wanted float64) (loss, slope float64) {
	x := min(max(probability, tiny), 1-tiny)
	return -(wanted*math.Log(x) + (1-wanted)*math.Log1p(-x)), (x - wanted) / (x * (1 - x))
}
