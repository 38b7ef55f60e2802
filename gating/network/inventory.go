package network

import (
	"sort"

	"github.com/softmerge/softmerge/gating/network/expand"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Use is one operator of a model and what this package can do with it.
type Use struct {
	Op       string // operator type, with its domain where it is not ONNX's own
	Count    int    // nodes, those in subgraphs and functions included
	Support  string // "supported", "forward only", "function" (defined in the model) or "missing"
	Gradient string // "full", "zero" or "none"
}

// Inventory lists a model's operators by name, with what can be done with each.
func Inventory(m *onnx.Model) []Use {
	l := &lowerer{model: m}
	uses := map[string]*Use{}
	m.Walk(func(p onnx.Place, n *onnxpb.NodeProto) error {
		op := onnx.OpLabel(n)
		if uses[op] == nil {
			uses[op] = l.use(n, m.Opset(n.GetDomain()))
		}
		uses[op].Count++
		return nil
	})
	list := make([]Use, 0, len(uses))
	for _, u := range uses {
		list = append(list, *u)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Op < list[j].Op })
	return list
}

// use says what can be done with a node's operator.
func (l *lowerer) use(n *onnxpb.NodeProto, opset int64) *Use {
	u := &Use{Op: onnx.OpLabel(n), Support: "missing", Gradient: op.None.String()}
	switch e := table.FindOrOldest(n, opset); {
	case e != nil && e.Grad == op.None:
		u.Support = "forward only"
	case e != nil:
		u.Support, u.Gradient = "supported", e.Grad.String()
	case l.function(n) != nil:
		u.Support, u.Gradient = "function", "of its nodes"
	case expand.Operators[onnx.OpLabel(n)] != nil:
		u.Support, u.Gradient = "supported", "of its nodes"
	}
	return u
}
