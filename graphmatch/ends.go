package graphmatch

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/pairing"
)

// ends are a model's inputs and outputs that stand for those of the base: at the place of the base's, the place of the
// model's, -1 where it has none.
type ends struct{ inputs, outputs []int }

// newEnds completes what pairing found.
func newEnds(base, model *flow.Network, found pairing.Ends) ends {
	baseIn, baseOut := base.Ends()
	in, out := model.Ends()
	return ends{places(found.Inputs, baseIn, in), places(found.Outputs, baseOut, out)}
}

// ownEnds are those of the base itself.
func ownEnds(base *flow.Network) ends {
	in, out := base.Ends()
	return ends{places(nil, in, in), places(nil, out, out)}
}

// places lists what was found for n places; an end that nothing was found for stands for the one at the same place of
// m, if that is free.
func places(found map[int]int, n, m int) []int {
	list, taken := make([]int, n), map[int]bool{}
	for at := range list {
		to, ok := found[at]
		if !ok {
			to = -1
		}
		list[at], taken[to] = to, true
	}
	for at := range list {
		if list[at] < 0 && at < m && !taken[at] {
			list[at] = at
		}
	}
	return list
}

// Input is the place of model j's input that stands for the base's input at a place, -1 where it has none. Places count
// the graph's inputs without an initializer.
func (a *Alignment) Input(j, at int) int { return place(a.ends[j].inputs, at) }

// Output is the place of model j's output that stands for the base's output at a place, -1 where it has none.
func (a *Alignment) Output(j, at int) int { return place(a.ends[j].outputs, at) }

func place(list []int, at int) int {
	if at < 0 || at >= len(list) {
		return -1
	}
	return list[at]
}
