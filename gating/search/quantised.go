package search

import (
	"path/filepath"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// checkQuantised returns an error of kind network.ErrUnsupported where a parent has quantised weights, which a merge
// would leave the base's while it mixes the biases and scales around them. Selected layers that are not quantised are
// merged beside them with a warning.
func (m *search) checkQuantised() error {
	a := m.selection.Alignment
	for _, model := range a.Models {
		list := graphmatch.QuantisedWeights(model)
		if len(list) == 0 {
			continue
		}
		const hint = "merge the models that were quantised, and quantise the result"
		text := []any{filepath.Base(model.Path()), len(list), list[0].Tensor, list[0].Op, list[0].Node}
		const what = "%s is quantised: softmerge does not mix its %d quantised weights, such as %q, which %s %q reads"
		if len(m.selection.Layers) == len(a.Layers) || m.selection.Quantised() {
			return advice.Errorf(network.ErrUnsupported, hint+", or choose float layers with --only", what, text...)
		}
		m.warnings.Addf(network.ErrUnsupported, hint, what+": they stay the base's", text...)
		return nil
	}
	return nil
}
