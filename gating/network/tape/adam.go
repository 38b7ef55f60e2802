package tape

import G "gorgonia.org/gorgonia"

// Adam is the optimiser of arXiv 1412.6980, with the moments of every parameter.
type Adam struct{ solver *G.AdamSolver }

// NewAdam returns an optimiser of a learning rate, with beta 0.9 and 0.999 and epsilon 1e-8.
func NewAdam(rate float64) *Adam { return &Adam{G.NewAdamSolver(G.WithLearnRate(rate))} }

// SetRate changes the learning rate.
func (a *Adam) SetRate(rate float64) { G.WithLearnRate(rate)(a.solver) }

// Step moves the values of every parameter, in place, against its gradient. Parameters are told apart by their places:
// these are the same in every call. The gradients are spent.
func (a *Adam) Step(values, gradients [][]float32) error {
	pairs := make([]G.ValueGrad, len(values))
	for i, v := range values {
		pairs[i] = leaf{newVector(v), newVector(gradients[i])}
	}
	return a.solver.Step(pairs)
}

// leaf is a parameter's values and gradient as Gorgonia's solvers take them.
type leaf struct{ value, grad G.Value }

// Value is the values.
func (l leaf) Value() G.Value { return l.value }

// Grad is the gradient.
func (l leaf) Grad() (G.Value, error) { return l.grad, nil }
