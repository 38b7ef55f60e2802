package method

import "math"

// modelStock goes from the start towards the models' mean as far as the angle between the task vectors says is nearest
// to the centre around which models of one start lie (arXiv 2403.19522, its formula for any number of models):
//
//	theta = t mean + (1-t) theta_0,   t = J cos / (1 + (J-1) cos),
//
// with the mean of the cosines between the tau_j, tensor by tensor. The paper has positive cosines; negative ones count
// as 0 here, where task vectors have nothing in common and the start stays.
var modelStock = Method{
	Name: "model_stock", Paper: "2403.19522",
	Does:    "between start and average, as far as the angle between the task vectors says",
	Started: true, Sums: true,
	merge: func(t *Tensor, _ values) ([]float64, error) {
		start := t.start()
		cosine, n := meanCosine(t.tasks(start)), float64(len(t.Models))
		ratio := n * cosine / (1 + (n-1)*cosine)
		out := t.mean()
		for i, v := range out {
			out[i] = ratio*v + (1-ratio)*start[i]
		}
		return out, nil
	},
}

// meanCosine is the mean of the cosines between each two vectors, from 0 to 1; 1 of a single one. Vectors of nothing
// have the angle of ones that have nothing in common.
func meanCosine(list [][]float64) float64 {
	if len(list) == 1 {
		return 1
	}
	var sum float64
	for j, x := range list {
		for _, y := range list[:j] {
			if both := norm(x) * norm(y); both > 0 {
				sum += dot(x, y) / both
			}
		}
	}
	pairs := float64(len(list)*(len(list)-1)) / 2
	return math.Min(1, math.Max(0, sum/pairs))
}
