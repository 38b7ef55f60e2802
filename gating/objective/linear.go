package objective

import (
	"github.com/softmerge/softmerge/gating/dataset"
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

// Spread adds a share of labels to labels in the form of Answer: one-hot rows of class indices, or the labels as they
// are.
func (h Head) Spread(label *dataset.Column, share float32, to *dataset.Column) {
	l, classes := h.Loss.(network.CrossEntropy)
	if !classes || label.Ints == nil {
		for i := range to.Floats {
			to.Floats[i] += share * float32(labelAt(label, i))
		}
		return
	}
	axis := l.Axis - 1 // of a sample
	count, inner := to.Shape[axis], 1
	for _, d := range to.Shape[axis+1:] {
		inner *= d
	}
	for i, class := range label.Ints {
		to.Floats[i/inner*inner*count+int(class)*inner+i%inner] += share
	}
}
