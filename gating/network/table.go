package network

import (
	"sort"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// families lists every operator there is, room by room.
var families = []family{
	elementOperators, movementOperators, linearOperators, spatialOperators, reductionOperators, recurrentOperators, fusedOperators,
}

// table is every operator by name, the newest form first.
var table = buildTable()

func buildTable() map[string][]entry {
	t := map[string][]entry{}
	for _, f := range families {
		for _, e := range f {
			t[e.name] = append(t[e.name], e)
		}
	}
	for _, list := range t {
		sort.Slice(list, func(i, j int) bool { return list[i].since > list[j].since })
	}
	return t
}

// find returns the entry for a node under an opset: the newest that is not newer.
func find(n *onnxpb.NodeProto, opset int64) *entry {
	list := table[opName(n)]
	for i := range list {
		if opset >= list[i].since {
			return &list[i]
		}
	}
	return nil
}

// findOrOldest is find, and for an opset that does not have the operator yet its first form: every entry of the table
// begins with the operator's first opset, so nothing else can be meant.
func findOrOldest(n *onnxpb.NodeProto, opset int64) *entry {
	if e := find(n, opset); e != nil {
		return e
	}
	if list := table[opName(n)]; len(list) > 0 {
		return &list[len(list)-1]
	}
	return nil
}

// Support is one line of the operator table.
type Support struct {
	Op       string // operator type, with its domain where it is not ONNX's own
	Since    int64  // first opset of the form
	Gradient string // "full", "zero" (piecewise constant), "none", or "of its nodes" for operators that stand for others
}

// Operators returns the table of every operator, sorted by name.
func Operators() []Support {
	var list []Support
	for name, entries := range table {
		for _, e := range entries {
			list = append(list, Support{name, e.since, e.grad.String()})
		}
	}
	for name, e := range expansions {
		list = append(list, Support{name, e.since, "of its nodes"})
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Op != list[j].Op {
			return list[i].Op < list[j].Op
		}
		return list[i].Since < list[j].Since
	})
	return list
}
