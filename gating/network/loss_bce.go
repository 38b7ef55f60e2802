package network

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// BCE is the mean binary cross-entropy over all elements, torch.nn.BCEWithLogitsLoss for logits. Targets lie in [0, 1];
// integers may be Ignored.
type BCE struct{ Form Form }

// Name returns "bce".
func (BCE) Name() string { return "bce" }

// Terms gives one term an element; logits are taken in the stable form
// max(x,0) - x*t + ln(1+e^-|x|).
func (l BCE) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	if err := sameLen("bce", out, target); err != nil {
		return err
	}
	size := perSample(out.Len(), out)
	for i, f := range out.F {
		x, t := float64(f), number(target, i)
		if ignored(target, i) {
			add(i/size, 0, 0)
		} else if l.Form == Probabilities {
			add(i/size, -(t*math.Log(math.Max(x, tiny)) + (1-t)*math.Log(math.Max(1-x, tiny))), 1)
		} else {
			add(i/size, math.Max(x, 0)-x*t+math.Log1p(math.Exp(-math.Abs(x))), 1)
		}
	}
	return nil
}

// Gradient of logits is (sigmoid(x) - t) / n.
func (l BCE) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	if err := sameLen("bce", out, target); err != nil {
		return err
	}
	n := out.Len()
	for i := range out.F {
		if ignored(target, i) {
			n--
		}
	}
	g := float64(scale) / float64(max(1, n))
	for i, f := range out.F {
		x, t := float64(f), number(target, i)
		if ignored(target, i) {
			dx[i] = 0
		} else if l.Form == Probabilities {
			x = math.Min(math.Max(x, tiny), 1-tiny)
			dx[i] = float32(g * (x - t) / (x * (1 - x)))
		} else {
			dx[i] = float32(g * (1/(1+math.Exp(-x)) - t))
		}
	}
	return nil
}

// ignored says whether element i of a target does not count.
func ignored(t *op.Tensor, i int) bool { return t.I != nil && t.I[i] == Ignored }
