package table

import (
	"sort"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/element"
	"github.com/softmerge/softmerge/gating/network/op/fused"
	"github.com/softmerge/softmerge/gating/network/op/linear"
	"github.com/softmerge/softmerge/gating/network/op/movement"
	"github.com/softmerge/softmerge/gating/network/op/recurrent"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/gating/network/op/spatial"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// families lists every operator there is, room by room.
var families = []op.Family{
	element.Operators, movement.Operators, linear.Operators, spatial.Operators, reduction.Operators,
	recurrent.Operators, fused.Operators,
}

// Forms is every operator by name, the newest form first.
var Forms = buildTable()

func buildTable() map[string][]op.Entry {
	t := map[string][]op.Entry{}
	for _, f := range families {
		for _, e := range f {
			t[e.Name] = append(t[e.Name], e)
		}
	}
	for _, list := range t {
		sort.Slice(list, func(i, j int) bool { return list[i].Since > list[j].Since })
	}
	return t
}

// Find returns the entry for a node under an opset: the newest that is not newer.
func Find(n *onnxpb.NodeProto, opset int64) *op.Entry {
	list := Forms[onnx.OpLabel(n)]
	for i := range list {
		if opset >= list[i].Since {
			return &list[i]
		}
	}
	return nil
}

// FindOrOldest is find, and for an opset that does not have the operator yet its first form: every entry of the table
// begins with the operator's first opset, so nothing else can be meant.
func FindOrOldest(n *onnxpb.NodeProto, opset int64) *op.Entry {
	if e := Find(n, opset); e != nil {
		return e
	}
	if list := Forms[onnx.OpLabel(n)]; len(list) > 0 {
		return &list[len(list)-1]
	}
	return nil
}
