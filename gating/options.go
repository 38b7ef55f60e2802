package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/internal/option"
)

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
	Noiseless bool     // gates are learned as they will be used, without noise
	Affine    bool     // for each unit of a group a scale and a shift of its bias are learned too
	Free      bool     // not gates but weights are learned, of a plan by element; at freeRate of Rate
	Seed      uint64   // of the order of samples and of the gates' noise

	// Progress is called after every update; it may be nil.
	Progress func(step, steps int, loss float64)
}

// Validate returns the options with defaults filled in, or an error of kind
// ErrOption that names the field which is out of range.
func (o LearnOptions) Validate() (LearnOptions, error) {
	option.Default(&o.Epochs, DefaultEpochs)
	option.Default(&o.MaxSteps, DefaultMaxSteps)
	option.Default(&o.BatchSize, DefaultBatchSize)
	option.Default(&o.Rate, DefaultRate)
	option.Default(&o.Combine, Convex)
	if o.L0 == nil {
		o.L0 = new(DefaultL0)
	}
	switch {
	case o.Epochs < 0:
		return o, option.Errorf("%d epochs: want at least 1", o.Epochs)
	case o.MaxSteps < 0:
		return o, option.Errorf("at most %d steps: want at least 1", o.MaxSteps)
	case o.BatchSize < 0:
		return o, option.Errorf("batch size %d: want at least 1", o.BatchSize)
	case !(o.Rate > 0) || math.IsInf(o.Rate, 0):
		return o, option.Errorf("learning rate %v: want a positive number", o.Rate)
	case !(*o.L0 >= 0) || math.IsInf(*o.L0, 0):
		return o, option.Errorf("l0 weight %v: want a number of at least 0", *o.L0)
	}
	return o, option.OneOf("combine", o.Combine, Convex, Sum)
}
