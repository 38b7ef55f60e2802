package method

import "math"

// consensus is task arithmetic of the values that several tasks need (Consensus TA, arXiv 2405.07813). With the sum of
// the task vectors tau, the mask of task j says which of its values tell the model from all else,
//
//	m_j = 1 where |tau_j| >= mask |tau - tau_j|,   theta = theta_0 + lambda tau where sum_j m_j >= tasks,
//
// and the start elsewhere: values that no task needs are noise, and those that one alone needs harm the others. With
// fewer models than the tasks asked for, all of them have to agree.
var consensus = Method{
	Name: "consensus", Paper: "2405.07813", Does: "task arithmetic of the values that several tasks need (TALL masks)",
	Params: []Param{
		scale(usualScale),
		{Name: "mask", Default: 0.4, Least: 0, Most: mostScale, Does: "how much less than the others' a value may be"},
		{Name: "tasks", Default: 2, Least: 0, Most: 1000, Whole: true, Does: "tasks that have to need a value"},
	},
	Started: true, Sums: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		start := t.start()
		tasks := t.tasks(start)
		sum := t.sum(tasks)
		agree := math.Min(v["tasks"], float64(len(tasks)))
		for i := range sum {
			if needed(tasks, sum[i], i, v["mask"]) < agree {
				sum[i] = 0
			}
		}
		return from(start, v["lambda"], sum), nil
	},
}

// needed counts the tasks whose mask has a value.
func needed(tasks [][]float64, sum float64, i int, mask float64) (n float64) {
	for _, tau := range tasks {
		if math.Abs(tau[i]) >= mask*math.Abs(sum-tau[i]) {
			n++
		}
	}
	return n
}
