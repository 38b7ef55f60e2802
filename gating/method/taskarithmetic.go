package method

// usualScale is the factor of a sum of task vectors that the paper recommends where nothing can be tried.
const usualScale = 0.4

// taskArithmetic adds up what the models learned (arXiv 2212.04089):
//
//	theta = theta_0 + lambda sum over j of tau_j.
var taskArithmetic = Method{
	Name: "task_arithmetic", Paper: "2212.04089", Does: "start and scaled sum of the task vectors",
	Params: []Param{scale(usualScale)}, Started: true, Sums: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		start := t.start()
		return from(start, v["lambda"], t.sum(t.tasks(start))), nil
	},
}
