package graphmatch

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
)

// Reset is a tensor of the base that a merged layer needs at a fixed number, all of its elements alike.
// Where the base keeps a BatchNormalization that another model has folded into the layer before it, the
// merged weights are the folded ones, the merged bias is the normalisation's, and the rest is reset so that
// the node adds that bias and does nothing else: scale 1, mean 0, and variance 1 - epsilon, whose sum with
// epsilon rounds to exactly 1 in float32.
type Reset struct {
	Use    Use
	Shape  []int
	Type   onnx.DataType
	Number float64
}

// resets are the tensors that have no part in a folded layer.
func resets(u *flow.Unit) []Reset {
	if u.Fold == nil {
		return nil
	}
	list := []Reset{newReset(u.Fold.Norm.Param("scale"), 1)}
	if mean := u.Fold.Norm.Param("mean"); mean != nil { // else a Mul and an Add
		list = append(list, newReset(mean, 0), newReset(u.Fold.Norm.Param("var"), 1-u.Fold.Norm.Anchor.Epsilon()))
	}
	if u.Fold.Bias != nil {
		list = append(list, newReset(u.Fold.Bias, 0))
	}
	return list
}

func newReset(p *flow.Param, number float64) Reset {
	return Reset{Use: useOf(p), Shape: p.C.FileShape(), Type: p.C.DataType(), Number: number}
}
