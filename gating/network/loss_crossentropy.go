package network

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// CrossEntropy is the mean negative log-likelihood of the target's classes,
// torch.nn.functional.cross_entropy for logits. Out is [batch, ...] with
// Classes along Axis, the target holds class indices, one for each position.
type CrossEntropy struct {
	Form Form
	Axis int
}

// Name returns "cross_entropy".
func (CrossEntropy) Name() string { return "cross_entropy" }

// Terms gives one term a position.
func (l CrossEntropy) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	positions, i := perSample(target.Len(), out), 0
	return l.each(out, target, func(f []float32, first, stride, classes, label int) {
		add(i/positions, l.one(f, first, stride, classes, label), 1)
		i++
	})
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
