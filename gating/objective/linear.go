package objective

import (
	"github.com/softmerge/softmerge/gating/network"
)

// Linear says whether a mixture of labels, in the form of Answer, has the mixture of their losses, or of their
// gradients: of cross-entropies and of squared errors, where all labels count.
func (h Head) Linear() bool {
	switch h.Loss.(type) {
	case network.CrossEntropy, network.BCE:
		return len(h.Ignored) == 0 && h.reader == nil
	case network.MSE:
		return true
	}
	return false
}

// Spread adds a share of labels to a tensor in the form of Answer: one-hot rows of class indices, or the labels as
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
