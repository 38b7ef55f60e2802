package method

import (
	"math"
	"slices"
)

// sce selects, calculates and erases (FuseChat, arXiv 2408.07990): of each tensor the values whose variance over the
// models is among the largest are selected; each model counts as its squares do among all,
//
//	eta_j = sum of tau_j^2 / sum over k of sum of tau_k^2;
//
// and values against the sign of sum_j tau_j are erased. The mean of the rest by eta_j is added to the start.
var sce = Method{
	Name: "sce", Paper: "2408.07990",
	Does:    "the values that vary most, by the models' energy, of the elected sign alone",
	Params:  []Param{density(0.1, "share of the values that is selected"), scale(1)},
	Started: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		start := t.start()
		tasks := t.tasks(start)
		selectVarying(tasks, v["density"])
		return from(start, v["lambda"], t.elected(tasks, t.energies(tasks))), nil
	},
}

// selectVarying makes 0, in all task vectors, of all but the share of values that vary most between them, of those that
// vary at all; of equal ones at the bound all stay.
func selectVarying(tasks [][]float64, share float64) {
	variance := make([]float64, len(tasks[0]))
	for i := range variance {
		variance[i] = varianceAt(tasks, i)
	}
	vary := slices.DeleteFunc(slices.Clone(variance), func(v float64) bool { return v == 0 })
	keep := int(math.Ceil(share * float64(len(vary))))
	if share == 1 || len(vary) == 0 { // there is nothing to choose from
		return
	}
	slices.Sort(vary)
	bound := vary[len(vary)-keep]
	for i, v := range variance {
		if v < bound {
			for _, tau := range tasks {
				tau[i] = 0
			}
		}
	}
}

// varianceAt is the variance of one value over the vectors.
func varianceAt(list [][]float64, i int) (sum float64) {
	var mean float64
	for _, v := range list {
		mean += v[i] / float64(len(list))
	}
	for _, v := range list {
		sum += (v[i] - mean) * (v[i] - mean)
	}
	return sum / float64(len(list))
}

// energies are each task vector's part in the sum of all squares, times the model's weight; where there are none, the
// weights.
func (t *Tensor) energies(tasks [][]float64) []float64 {
	list := make([]float64, len(tasks))
	var total float64
	for j, tau := range tasks {
		list[j] = t.Weights[j] * dot(tau, tau)
		total += list[j]
	}
	if total == 0 {
		return t.Weights
	}
	for j := range list {
		list[j] /= total
	}
	return list
}
