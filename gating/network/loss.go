package network

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// Loss is the mean over a batch of how far an output is from its target.
type Loss interface {
	// Name is the loss's name as the command line has it.
	Name() string
	// Value returns the mean loss. It returns an error of kind ErrShape when
	// output and target do not fit, and for a class index out of range.
	Value(out, target *op.Tensor) (float64, error)
	// Gradient writes scale times the gradient of Value with respect to out into dx.
	Gradient(out, target *op.Tensor, scale float32, dx []float32) error
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

// CrossEntropy is the mean negative log-likelihood of the target's classes,
// torch.nn.functional.cross_entropy for logits. Out is [batch, ...] with
// Classes along Axis, the target holds class indices, one for each position.
type CrossEntropy struct {
	Form Form
	Axis int
}

// Name returns "cross_entropy".
func (CrossEntropy) Name() string { return "cross_entropy" }

// Value returns the mean over all positions.
func (l CrossEntropy) Value(out, target *op.Tensor) (float64, error) {
	var sum float64
	n := 0
	err := l.each(out, target, func(f []float32, first, stride, classes, label int) {
		sum += l.one(f, first, stride, classes, label)
		n++
	})
	return sum / float64(n), err
}

// one is the loss at one position, whose class scores are at first, first+stride, ...
func (l CrossEntropy) one(f []float32, first, stride, classes, label int) float64 {
	x := float64(f[first+label*stride])
	switch l.Form {
	case Probabilities:
		return -math.Log(math.Max(x, tiny))
	case LogProbabilities:
		return -x
	}
	return logSumExp(f, first, stride, classes) - x
}

func logSumExp(f []float32, first, stride, classes int) float64 {
	top := math.Inf(-1)
	for c := range classes {
		top = math.Max(top, float64(f[first+c*stride]))
	}
	var sum float64
	for c := range classes {
		sum += math.Exp(float64(f[first+c*stride]) - top)
	}
	return top + math.Log(sum)
}

// Gradient of logits is softmax minus one-hot, over the number of positions.
func (l CrossEntropy) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	clear(dx)
	g := float64(scale) / float64(max(1, target.Len()))
	return l.each(out, target, func(f []float32, first, stride, classes, label int) {
		at := first + label*stride
		switch l.Form {
		case Probabilities:
			if p := float64(f[at]); p > tiny {
				dx[at] = float32(-g / p)
			}
			return
		case LogProbabilities:
			dx[at] = float32(-g)
			return
		}
		lse := logSumExp(f, first, stride, classes)
		for c := range classes {
			i := first + c*stride
			dx[i] = float32(g * math.Exp(float64(f[i])-lse))
		}
		dx[at] -= float32(g)
	})
}

// each visits every position with the place of its class scores and its label.
func (l CrossEntropy) each(out, target *op.Tensor, visit func(f []float32, first, stride, classes, label int)) error {
	if l.Axis < 0 || l.Axis >= len(out.Shape) {
		return fmt.Errorf("cross_entropy: the output has shape %v and no axis %d for its classes: %w", out.Shape,
			l.Axis, op.ErrShape)
	}
	classes, stride := out.Shape[l.Axis], op.SizeOf(out.Shape[l.Axis+1:])
	if classes*target.Len() != out.Len() || target.I == nil {
		return fmt.Errorf("cross_entropy: an output of shape %v wants %d class indices, the labels are %s: %w",
			out.Shape, out.Len()/max(1, classes), target.Spec(), op.ErrShape)
	}
	for i, label := range target.I {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("cross_entropy: label %d at position %d, the model has classes 0 to %d: %w", label, i,
				classes-1, op.ErrShape)
		}
		first := i/stride*stride*classes + i%stride
		visit(out.F, first, stride, classes, int(label))
	}
	return nil
}

// MSE is the mean squared error over all elements.
type MSE struct{}

// Name returns "mse".
func (MSE) Name() string { return "mse" }

// Value returns the mean over all elements of (out-target)^2.
func (MSE) Value(out, target *op.Tensor) (float64, error) {
	if err := sameLen("mse", out, target); err != nil {
		return 0, err
	}
	var sum float64
	for i, x := range out.F {
		d := float64(x) - number(target, i)
		sum += d * d
	}
	return sum / float64(out.Len()), nil
}

// Gradient is 2 (out-target) / n.
func (MSE) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	if err := sameLen("mse", out, target); err != nil {
		return err
	}
	g := 2 * float64(scale) / float64(out.Len())
	for i, x := range out.F {
		dx[i] = float32(g * (float64(x) - number(target, i)))
	}
	return nil
}

// BCE is the mean binary cross-entropy over all elements; targets lie in [0, 1].
type BCE struct{ Form Form }

// Name returns "bce".
func (BCE) Name() string { return "bce" }

// Value returns the mean over all elements; logits are taken in the stable form
// max(x,0) - x*t + ln(1+e^-|x|).
func (l BCE) Value(out, target *op.Tensor) (float64, error) {
	if err := sameLen("bce", out, target); err != nil {
		return 0, err
	}
	var sum float64
	for i, f := range out.F {
		x, t := float64(f), number(target, i)
		if l.Form == Probabilities {
			sum -= t*math.Log(math.Max(x, tiny)) + (1-t)*math.Log(math.Max(1-x, tiny))
		} else {
			sum += math.Max(x, 0) - x*t + math.Log1p(math.Exp(-math.Abs(x)))
		}
	}
	return sum / float64(out.Len()), nil
}

// Gradient of logits is (sigmoid(x) - t) / n.
func (l BCE) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	if err := sameLen("bce", out, target); err != nil {
		return err
	}
	g := float64(scale) / float64(out.Len())
	for i, f := range out.F {
		x, t := float64(f), number(target, i)
		if l.Form == Probabilities {
			x = math.Min(math.Max(x, tiny), 1-tiny)
			dx[i] = float32(g * (x - t) / (x * (1 - x)))
		} else {
			dx[i] = float32(g * (1/(1+math.Exp(-x)) - t))
		}
	}
	return nil
}

// number is element i as a float64, whichever kind the tensor has.
func number(t *op.Tensor, i int) float64 {
	if t.F != nil {
		return float64(t.F[i])
	}
	return float64(t.I[i])
}

func sameLen(name string, out, target *op.Tensor) error {
	if out.Len() != target.Len() {
		return fmt.Errorf("%s: the output has shape %v, the labels %v: %w", name, out.Shape, target.Shape, op.ErrShape)
	}
	return nil
}
