package report

import (
	"fmt"

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

// Match prints the table of layers.
func Match(v *terminal.Voice, t graphmatch.Table) error {
	rows := [][]string{{"layer", "operator", "status", "tensors", "reason"}}
	for _, l := range t.Layers {
		tensors := ""
		for i, p := range l.Tensors {
			if i > 0 {
				tensors += " "
			}
			tensors += fmt.Sprintf("%s%v", p.Role, p.Shape)
		}
		rows = append(rows, []string{l.Name, l.Op, string(l.Status), tensors, l.Reason})
	}
	if err := v.Table(rows); err != nil {
		return err
	}
	return v.Line("%d matched, %d unmatched", t.Matched, t.Unmatched)
}
