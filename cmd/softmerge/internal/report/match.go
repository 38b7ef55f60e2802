package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/graphmatch"
)

// Chosen is the table of the selected layers alone.
func Chosen(s *graphmatch.Selection) graphmatch.Table {
	all := s.Alignment.Table()
	t := graphmatch.Table{Layers: []graphmatch.TableRow{}}
	for _, i := range s.Layers {
		t.Layers = append(t.Layers, all.Layers[i])
		if s.Alignment.Layers[i].Mergeable() {
			t.Matched++
		} else {
			t.Unmatched++
		}
	}
	return t
}

// reasoned is a row of a table that ends with the reason for a layer's status. Every mismatch after the first has a
// row of its own below it.
func reasoned(l graphmatch.TableRow, cells ...string) [][]string {
	reasons := []string{l.Reason}
	if l.Status == graphmatch.Mismatch || l.Status == graphmatch.Missing {
		reasons = strings.Split(l.Reason, "; ")
	}
	var rows [][]string
	for _, reason := range reasons {
		rows = append(rows, append(slices.Clone(cells), reason))
		cells = make([]string, len(cells))
	}
	return rows
}

// Match prints the table of layers, and of each model the weights that nothing matches.
func Match(v *terminal.Voice, t graphmatch.Table, weights []graphmatch.Coverage) error {
	rows := [][]string{{"layer", "operator", "status", "tensors", "reason"}}
	for _, l := range t.Layers {
		tensors := ""
		for i, p := range l.Tensors {
			if i > 0 {
				tensors += " "
			}
			tensors += fmt.Sprintf("%s%v", p.Role, p.Shape)
		}
		rows = append(rows, reasoned(l, l.Name, l.Op, string(l.Status), tensors)...)
	}
	if err := v.Table(rows); err != nil {
		return err
	}
	if err := v.Line("%d matched, %d unmatched", t.Matched, t.Unmatched); err != nil {
		return err
	}
	for _, c := range weights {
		if c.UnmatchedTensors == 0 {
			continue
		}
		if err := v.Line("%s", Unmatched(c)); err != nil {
			return err
		}
	}
	return nil
}

// Unmatched says how many of a model's weights nothing matches.
func Unmatched(c graphmatch.Coverage) string {
	more := ""
	if c.UnmatchedTensors > len(c.Largest) {
		more = ", ..."
	}
	return fmt.Sprintf("%s: %d of %d weights (%.3g %%) match nothing: %s, %s%s", c.Label,
		c.UnmatchedWeights, c.Weights, 100*c.UnmatchedShare, terminal.Counted(c.UnmatchedTensors, "tensor"),
		strings.Join(c.Largest, ", "), more)
}
