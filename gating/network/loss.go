package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/op"
)

// Loss is how far an output is from its target: a weighted mean of terms, one a position.
type Loss interface {
	// Name is the loss's name as the command line has it.
	Name() string
	// Terms calls add for every term of a batch with the sample that it belongs to, counted along axis 0 in order, and
	// its weight: 1, or 0 for a position that does not count. It returns an error of kind ErrShape when output and
	// target do not fit, and for a class index out of range.
	Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error
	// Gradient writes scale times the gradient of the batch's Mean with respect to out into dx.
	Gradient(out, target *op.Tensor, scale float32, dx []float32) error
}

// Mean is a loss over a batch, 0 where no position counts. Errors are those of Loss.Terms.
func Mean(l Loss, out, target *op.Tensor) (float64, error) {
	var sum, of float64
	err := l.Terms(out, target, func(_ int, loss, weight float64) {
		sum += loss * weight
		of += weight
	})
	if err != nil || of == 0 {
		return 0, err
	}
	return sum / of, nil
}

// Form says what an output's numbers are to a loss.
type Form int

const (
	Logits           Form = iota // anything real; the loss applies softmax or sigmoid itself
	Probabilities                // already through softmax or sigmoid
	LogProbabilities             // already through log-softmax
)

// tiny bounds probabilities from below before their logarithm is taken.
const tiny = 1e-12

// number is element i as a float64, whichever kind the tensor has.
func number(t *op.Tensor, i int) float64 {
	if t.F != nil {
		return float64(t.F[i])
	}
	return float64(t.I[i])
}

// perSample is how many terms of an output or a target belong to each sample of an output.
func perSample(terms int, out *op.Tensor) int {
	if len(out.Shape) == 0 {
		return max(1, terms)
	}
	return max(1, terms/max(1, out.Shape[0]))
}

func sameLen(name string, out, target *op.Tensor) error {
	if out.Len() != target.Len() {
		return fmt.Errorf("%s: the output has shape %v, the labels %v: %w", name, out.Shape, target.Shape, op.ErrShape)
	}
	return nil
}
