package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Operator is one operator of a model and what softmerge can do with it.
type Operator struct {
	Op       string   `json:"op"` // with its domain where it is not ONNX's own
	Opset    int64    `json:"opset"`
	Count    int      `json:"count"`
	Support  string   `json:"support"`         // as network.Use has it
	Gradient string   `json:"gradient"`        // full, zero, none
	Nodes    []string `json:"nodes,omitempty"` // where it is not supported in full: the first nodes
}

// operators lists a model's operators.
func operators(m *onnx.Model) []Operator {
	byOp := map[string]*Operator{}
	list := make([]Operator, 0)
	for _, u := range network.Inventory(m) {
		list = append(list, Operator{Op: u.Op, Count: u.Count, Support: u.Support, Gradient: u.Gradient})
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
		if (o.Support == "missing" || o.Support == "forward only") && len(o.Nodes) < terminal.MaxListed {
			o.Nodes = append(o.Nodes, onnx.NodeLabel(n))
		}
		return nil
	})
	return list
}

// PrintOperators prints a table of operators and what follows from it.
func (in *Inspection) PrintOperators(v *terminal.Voice) error {
	rows := [][]string{{"operator", "opset", "nodes", "support", "gradient", "where"}}
	for _, o := range in.Operators {
		where := strings.Join(o.Nodes, ", ")
		if o.Count > len(o.Nodes) && where != "" {
			where += ", ..."
		}
		rows = append(rows, []string{o.Op, fmt.Sprint(o.Opset), fmt.Sprint(o.Count), o.Support, o.Gradient, where})
	}
	if err := v.Table(rows, "opset", "nodes"); err != nil {
		return err
	}
	for _, line := range opsSummary(in.Operators) {
		if err := v.Line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// opsSummary says what the operators allow.
func opsSummary(ops []Operator) []string {
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
		lines = append(lines,
			fmt.Sprintf("not supported: %s; the model can be matched and averaged without data, not run",
				terminal.Short(missing)))
	}
	if len(forward) > 0 {
		lines = append(lines,
			fmt.Sprintf("without gradient: %s; layers whose output goes through them to the loss cannot be learned",
				terminal.Short(forward)))
	}
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("softmerge runs all %s of this model and learns through them",
			terminal.Counted(len(ops), "operator")))
	}
	return lines
}
