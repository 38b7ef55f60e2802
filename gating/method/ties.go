package method

import (
	"math"
	"slices"
)

// ties trims task vectors, elects a sign and merges what has it (arXiv 2306.01708, algorithm 1). Of each task vector
// the density-th part of largest magnitude stays, and then, value by value,
//
//	gamma = sgn(sum over j of tau_j),   tau = mean of the tau_j with sgn(tau_j) = gamma,
//	theta = theta_0 + lambda tau.
//
// The paper trims a model as one vector; here each tensor is trimmed by itself, so that a model need not be in memory.
// Where the sum is nothing no sign is elected, and the start stays.
var ties = Method{
	Name: "ties", Paper: "2306.01708", Does: "the largest values, of the elected sign alone, averaged",
	Params: []Param{density(0.2, "share of each task vector that is kept"), scale(1)}, Started: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		start := t.start()
		tasks := t.tasks(start)
		for _, tau := range tasks {
			trim(tau, v["density"])
		}
		return from(start, v["lambda"], t.elected(tasks, t.Weights)), nil
	},
}

// trim makes 0 of all but the largest values by magnitude, a share of all; of equal ones at the bound all stay.
func trim(v []float64, share float64) {
	keep := int(math.Ceil(share * float64(len(v))))
	if keep >= len(v) {
		return
	}
	sizes := make([]float64, len(v))
	for i, x := range v {
		sizes[i] = math.Abs(x)
	}
	slices.Sort(sizes)
	bound := sizes[len(v)-keep]
	for i, x := range v {
		if math.Abs(x) < bound {
			v[i] = 0
		}
	}
}

// elected is, value by value, the mean, by the weights given, of the task vectors that have the sign of their sum.
func (t *Tensor) elected(tasks [][]float64, weights []float64) []float64 {
	out := make([]float64, len(tasks[0]))
	for i := range out {
		var all, sum, of float64
		for j, tau := range tasks {
			all += t.Weights[j] * tau[i]
		}
		for j, tau := range tasks {
			if tau[i]*all > 0 {
				sum += weights[j] * tau[i]
				of += weights[j]
			}
		}
		if of > 0 {
			out[i] = sum / of
		}
	}
	return out
}
