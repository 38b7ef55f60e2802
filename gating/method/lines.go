package method

// lines is task arithmetic whose factor grows with a layer's depth (LiNeS, arXiv 2410.17146): the first
// layers, which tell what all tasks need, stay near the start. For depth d from 0 to 1,
//
//	theta = theta_0 + (alpha + beta d) sum over j of tau_j.
//
// The defaults have a mean of 0.4, that of task arithmetic.
var lines = Method{
	Name: "lines", Paper: "2410.17146", Does: "task arithmetic with a factor that grows with depth",
	Params: []Param{
		{Name: "alpha", Default: 0.2, Least: 0, Most: mostScale, Does: "factor of the first layer"},
		{Name: "beta", Default: 0.4, Least: 0, Most: mostScale, Does: "by how much more that of the last is"},
	},
	Started: true, Sums: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		start := t.start()
		return from(start, v["alpha"]+v["beta"]*t.Depth, t.sum(t.tasks(start))), nil
	},
}
