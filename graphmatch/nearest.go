package graphmatch

import (
	"maps"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx/advice"
)

// maxNear is how many names an error suggests.
const maxNear = 3

// nearest lists the names closest to a pattern: whole names, their components, and operator types for op: patterns.
func (a *Alignment) nearest(pattern string) []string {
	op, isOp := strings.CutPrefix(pattern, "op:")
	word, _, _ := strings.Cut(strings.Trim(op, "*/."), "*")
	var names []string
	for i := range a.Layers {
		l := &a.Layers[i]
		if isOp {
			names = append(names, l.ops...)
		} else {
			names = slices.Concat(names, []string{l.Name, l.Scope}, flow.Components(l.Name), l.tags)
		}
	}
	near := advice.Nearest(word, names, max(2, len(word)*2/3), maxNear)
	if isOp {
		for i := range near {
			near[i] = "op:" + near[i]
		}
	}
	return near
}

// nearestValues lists the tensors of the main graph whose names are closest to a name.
func nearestValues(f *flow.Network, name string) []string {
	return advice.Nearest(name, slices.Collect(maps.Keys(f.Named)), len(name), maxNear)
}
