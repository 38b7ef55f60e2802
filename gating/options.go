package gating

import "math"

// Defaults of options, chosen on the fixtures. The command's flags have the same.
const (
	DefaultEpochs    = 30
	DefaultMaxSteps  = 400
	DefaultBatchSize = 64
	DefaultRate      = 0.1
	DefaultL0        = 0.01
)

// LearnOptions says how gates are learned. The zero value of a field means its default.
type LearnOptions struct {
	Epochs    int      // passes over the data; default DefaultEpochs
	MaxSteps  int      // bound on updates; default DefaultMaxSteps
	BatchSize int      // samples an update, on average where they differ in shape; default DefaultBatchSize
	Rate      float64  // Adam's learning rate; default DefaultRate
	L0        *float64 // lambda, the weight of the mean P(z != 0); nil is DefaultL0. See Learn
	Combine   Combine  // default Convex
	Seed      uint64   // of the order of samples and of the gates' noise

	// Progress is called after every update; it may be nil.
	Progress func(step, steps int, loss float64)
}

// Validate returns the options with defaults filled in, or an error of kind
// ErrOption that names the field which is out of range.
func (o LearnOptions) Validate() (LearnOptions, error) {
	setDefault(&o.Epochs, DefaultEpochs)
	setDefault(&o.MaxSteps, DefaultMaxSteps)
	setDefault(&o.BatchSize, DefaultBatchSize)
	setDefault(&o.Rate, DefaultRate)
	setDefault(&o.Combine, Convex)
	if o.L0 == nil {
		o.L0 = new(DefaultL0)
	}
	switch {
	case o.Epochs < 0:
		return o, optionErr("%d epochs: want at least 1", o.Epochs)
	case o.MaxSteps < 0:
		return o, optionErr("at most %d steps: want at least 1", o.MaxSteps)
	case o.BatchSize < 0:
		return o, optionErr("batch size %d: want at least 1", o.BatchSize)
	case !(o.Rate > 0) || math.IsInf(o.Rate, 0):
		return o, optionErr("learning rate %v: want a positive number", o.Rate)
	case !(*o.L0 >= 0) || math.IsInf(*o.L0, 0):
		return o, optionErr("l0 weight %v: want a number of at least 0", *o.L0)
	}
	return o, oneOf("combine", o.Combine, Convex, Sum)
}

// setDefault replaces the zero value.
func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// oneOf is an error of kind ErrOption unless the value is one of those known.
func oneOf[T ~string](what string, value T, known ...T) error {
	text := ""
	for i, k := range known {
		if value == k {
			return nil
		}
		switch {
		case i == 0:
		case i == len(known)-1:
			text += " or "
		default:
			text += ", "
		}
		text += string(k)
	}
	return optionErr("%s %q: want %s", what, value, text)
}
