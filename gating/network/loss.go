package network

// Loss is the mean over a batch of how far an output is from its target.
type Loss interface {
	// Name is the loss's name as the command line has it.
	Name() string
	// Value returns the mean loss. It returns an error of kind ErrShape when
	// output and target do not fit, and for a class index out of range.
	Value(out, target *Tensor) (float64, error)
	// Gradient writes scale times the gradient of Value with respect to out into dx.
	Gradient(out, target *Tensor, scale float32, dx []float32) error
}
