package graphmatch

import "github.com/softmerge/softmerge/onnx"

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
func resets(u *unit) []Reset {
	if u.fold == nil {
		return nil
	}
	list := []Reset{
		newReset(u.fold.norm.param("scale"), 1),
		newReset(u.fold.norm.param("mean"), 0),
		newReset(u.fold.norm.param("var"), 1-u.fold.norm.anchor.epsilon()),
	}
	if u.fold.bias != nil {
		list = append(list, newReset(u.fold.bias, 0))
	}
	return list
}

func newReset(p *param, number float64) Reset {
	return Reset{Use: useOf(p), Shape: p.c.fileShape(), Type: p.c.dataType(), Number: number}
}
