package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// inspectOp is one operator of a model and what softmerge can do with it.
type inspectOp struct {
	Op       string   `json:"op"` // with its domain where it is not ONNX's own
	Opset    int64    `json:"opset"`
	Count    int      `json:"count"`
	Support  string   `json:"support"`         // as network.Use has it
	Gradient string   `json:"gradient"`        // full, zero, none
	Nodes    []string `json:"nodes,omitempty"` // where it is not supported in full: the first nodes
}

// operators lists a model's operators.
func operators(m *onnx.Model) []inspectOp {
	byOp := map[string]*inspectOp{}
	list := make([]inspectOp, 0)
	for _, u := range network.Inventory(m) {
		list = append(list, inspectOp{Op: u.Op, Count: u.Count, Support: u.Support, Gradient: u.Gradient})
	}
	for i := range list {
		byOp[list[i].Op] = &list[i]
	}
	m.Walk(func(_ onnx.Place, n *onnxpb.NodeProto) error {
		o := byOp[onnx.OpLabel(n)]
		if o == nil {
			return nil
		}
		o.Opset = m.Opset(n.GetDomain())
		if (o.Support == "missing" || o.Support == "forward only") && len(o.Nodes) < maxListed {
			o.Nodes = append(o.Nodes, onnx.NodeLabel(n))
		}
		return nil
	})
	return list
}

// printOps prints a table of operators and what follows from it.
func printOps(v *voice, ops []inspectOp) error {
	rows := [][]string{{"operator", "opset", "nodes", "support", "gradient", "where"}}
	for _, o := range ops {
		where := strings.Join(o.Nodes, ", ")
		if o.Count > len(o.Nodes) && where != "" {
			where += ", ..."
		}
		rows = append(rows, []string{o.Op, fmt.Sprint(o.Opset), fmt.Sprint(o.Count), o.Support, o.Gradient, where})
	}
	if err := v.table(rows, "opset", "nodes"); err != nil {
		return err
	}
	for _, line := range opsSummary(ops) {
		if _, err := fmt.Fprintln(v.out, printable(line)); err != nil {
			return err
		}
	}
	return nil
}

// opsSummary says what the operators allow.
func opsSummary(ops []inspectOp) []string {
	named := func(support string) (names []string) {
		for _, o := range ops {
			if o.Support == support {
				names = append(names, o.Op)
			}
		}
		return names
	}
	missing, forward := named("missing"), named("forward only")
	slices.Sort(missing)
	lines := []string{}
	if len(missing) > 0 {
		lines = append(lines, fmt.Sprintf("not supported: %s; the model can be matched and averaged without data, not run", short(missing)))
	}
	if len(forward) > 0 {
		lines = append(lines, fmt.Sprintf("without gradient: %s; layers whose output goes through them to the loss cannot be learned", short(forward)))
	}
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("softmerge runs all %s of this model and learns through them", counted(len(ops), "operator")))
	}
	return lines
}
