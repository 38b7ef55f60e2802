package objective

import (
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// Target returns a model's output, as the head reads it, in the form of a label: the probabilities of classes or of
// single things, or the numbers as they are. It returns false where the loss takes no such labels, or where it is not
// linear in them: then a mixture of labels is not the mixture of their losses.
func (h Head) Target(out *network.Tensor) (*network.Tensor, bool) {
	t := &network.Tensor{Type: out.Type, Shape: out.Shape, F: append([]float32(nil), out.F...)}
	switch l := h.Loss.(type) {
	case network.CrossEntropy:
		if len(h.Ignored) > 0 || h.reader != nil {
			return nil, false
		}
		switch l.Form {
		case network.Logits:
			alongAxis(t, l.Axis, func(x, top, sum float64) float64 { return math.Exp(x-top) / sum })
		case network.LogProbabilities:
			mapAll(t.F, math.Exp)
		}
	case network.BCE:
		if len(h.Ignored) > 0 {
			return nil, false
		}
		if l.Form == network.Logits {
			mapAll(t.F, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
		}
	case network.MSE:
	default:
		return nil, false
	}
	return t, true
}

// Spread adds a share of labels to a tensor in the form of Target: one-hot rows of class indices, or the labels as
// they are.
func (h Head) Spread(label *network.Tensor, share float32, to *network.Tensor) {
	l, classes := h.Loss.(network.CrossEntropy)
	if !classes || label.I == nil {
		for i := range to.F {
			to.F[i] += share * float32(number(label, i))
		}
		return
	}
	count, inner := to.Shape[l.Axis], 1
	for _, d := range to.Shape[l.Axis+1:] {
		inner *= d
	}
	for i, class := range label.I {
		to.F[i/inner*inner*count+int(class)*inner+i%inner] += share
	}
}

// number is element i of a tensor of either kind.
func number(t *network.Tensor, i int) float64 {
	if t.F != nil {
		return float64(t.F[i])
	}
	return float64(t.I[i])
}
