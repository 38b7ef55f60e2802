package report

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/graphmatch"
)

// Difference prints one table for each kind of difference that there is, and a summary.
func Difference(v *terminal.Voice, d *graphmatch.Difference, all bool) error {
	for _, t := range [][][]string{modelRows(d), nodeRows(d, all), tensorRows(d, all)} {
		if len(t) == 1 {
			continue
		}
		if err := v.Table(t, "relative", "cosine", "max abs"); err != nil {
			return err
		}
		fmt.Fprintln(v.Out)
	}
	return v.Line("%s", diffSummary(d))
}

func modelRows(d *graphmatch.Difference) [][]string {
	rows := [][]string{{"model", "A", "B"}}
	for _, c := range d.Model {
		rows = append(rows, []string{c.What, clipped(c.A), clipped(c.B)})
	}
	return rows
}

// bookkeeping operators only hand on what is there; exporters write many of them.
var bookkeeping = map[string]bool{"Identity": true, "Constant": true}

// nodeRows lists changed nodes. Runs of bookkeeping nodes that came or went are one row, unless all are asked for.
func nodeRows(d *graphmatch.Difference, all bool) [][]string {
	rows := [][]string{{"node", "operator", "change", "what", "A", "B"}}
	for i := 0; i < len(d.Nodes); i++ {
		n := d.Nodes[i]
		if run := bookkeepingRun(d.Nodes[i:]); run > 2 && !all {
			rows = append(rows, []string{terminal.Counted(run, "node"), n.Op, n.Change, "", "", ""})
			i += run - 1
			continue
		}
		name := n.Name
		if n.Place != "graph" {
			name = n.Place + " / " + name
		}
		if len(n.Details) == 0 {
			rows = append(rows, []string{name, n.Op, n.Change, "", "", ""})
		}
		for _, c := range n.Details {
			rows = append(rows, []string{name, n.Op, n.Change, c.What, clipped(c.A), clipped(c.B)})
		}
	}
	return rows
}

// bookkeepingRun counts the nodes at the start of a list that are bookkeeping of one kind and changed in one way.
func bookkeepingRun(list []graphmatch.NodeChange) int {
	n := 0
	for n < len(list) && bookkeeping[list[n].Op] && list[n].Op == list[0].Op && list[n].Change == list[0].Change &&
		len(list[n].Details) == 0 {
		n++
	}
	return n
}

func tensorRows(d *graphmatch.Difference, all bool) [][]string {
	rows := [][]string{{"tensor", "layer", "shape", "change", "relative", "cosine", "max abs", ""}}
	for i := range d.Tensors {
		t := &d.Tensors[i]
		if t.Status == graphmatch.TensorIdentical && !all {
			continue
		}
		rows = append(rows, []string{tensorName(t), t.Layer, tensorShape(t), t.Status,
			significant(t.Relative), significant(t.Cosine), significant(t.MaxAbs), tensorTypes(t)})
	}
	return rows
}

// tensorName is b's name, or a's where b has none.
func tensorName(t *graphmatch.TensorChange) string {
	if t.Names[1] != "" {
		return t.Names[1]
	}
	return t.Names[0]
}

// tensorShape is the shape, or both if they differ.
func tensorShape(t *graphmatch.TensorChange) string {
	a, b := fmt.Sprint(t.Shapes[0]), fmt.Sprint(t.Shapes[1])
	switch {
	case t.Shapes[0] == nil || a == b:
		return b
	case t.Shapes[1] == nil:
		return a
	}
	return a + " -> " + b
}

// tensorTypes says which types differ.
func tensorTypes(t *graphmatch.TensorChange) string {
	if t.Types[0] == t.Types[1] || t.Types[0] == "" || t.Types[1] == "" {
		return ""
	}
	return t.Types[0] + " -> " + t.Types[1]
}

// significant prints a number to four digits.
func significant(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%.4g", *f)
}

// clipped is a property's text on one line, "-" where it is not there.
func clipped(s *string) string {
	const most = 72
	if s == nil {
		return "-"
	}
	text := strings.Join(strings.Fields(*s), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}

// diffSummary counts the differences.
func diffSummary(d *graphmatch.Difference) string {
	if d.Same() {
		tensors := terminal.Counted(len(d.Tensors), "tensor")
		return fmt.Sprintf("no difference in structure, metadata or any of %s", tensors)
	}
	nodes := map[string]int{}
	for _, n := range d.Nodes {
		nodes[n.Change]++
	}
	tensors := map[string]int{}
	for _, t := range d.Tensors {
		tensors[t.Status]++
	}
	s := fmt.Sprintf("nodes: %d added, %d removed, %d changed, %d renamed; tensors: %d identical, %d changed",
		nodes["added"], nodes["removed"], nodes["changed"], d.Renamed, tensors[graphmatch.TensorIdentical],
		tensors[graphmatch.TensorChanged])
	for _, status := range []string{graphmatch.TensorReshaped, graphmatch.TensorAdded, graphmatch.TensorRemoved} {
		if tensors[status] > 0 {
			s += fmt.Sprintf(", %d %s", tensors[status], status)
		}
	}
	return s
}
