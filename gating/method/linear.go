package method

// linear is the weighted average of the models,
//
//	theta = sum over j of w_j theta_j.
var linear = Method{
	Name: "linear", Paper: "2203.05482", Does: "weighted average",
	merge: func(t *Tensor, _ values) ([]float64, error) { return t.mean(), nil },
}
