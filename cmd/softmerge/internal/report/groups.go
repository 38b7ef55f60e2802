package report

import (
	"fmt"
	"path/filepath"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/search"
)

// groups prints how the best parent and the merged model do on each group of the samples that judged, if they have any.
func groups(v *terminal.Voice, r *search.Report) error {
	if len(r.Groups) == 0 {
		return nil
	}
	names := map[string]string{}
	for _, c := range r.Candidates {
		names[c.Name] = candidateName(r, c)
	}
	first := r.Groups[0]
	if first.Merged == "" {
		return groupTable(v, r.Groups, names)
	}
	if err := v.Line(""); err != nil {
		return err
	}
	parent, merged := names[first.Parent], names[first.Merged]
	rows := [][]string{{"group", "samples", parent, merged, "difference", standardError, ""}}
	for _, g := range r.Groups {
		of := map[string]*float64{}
		for _, m := range g.Models {
			of[m.Name] = m.Metric
		}
		rows = append(rows, []string{g.Name, fmt.Sprint(g.Samples), terminal.Figure(of[g.Parent]),
			terminal.Figure(of[g.Merged]), terminal.Figure(g.Difference), terminal.Figure(g.StandardError),
			groupNote(r, g, names)})
	}
	return v.Table(rows, "samples", parent, merged, "difference", standardError)
}

// groupNote says what a row alone does not: that a difference is no chance, and which parent is better there.
func groupNote(r *search.Report, g search.ReportGroup, names map[string]string) string {
	note := ""
	if g.Worse {
		note = "worse, beyond chance"
	}
	best := bestOf(r, g)
	if best == nil || best.Name == g.Merged || best.Name == g.Parent {
		return note
	}
	if note != "" {
		note += "; "
	}
	return note + fmt.Sprintf("%s has %s", names[best.Name], terminal.Figure(best.Metric))
}

// bestOf is the best of the parents and the merged model on a group, the first of equal ones; nil where it defines no
// metric.
func bestOf(r *search.Report, g search.ReportGroup) (best *search.ReportGroupModel) {
	counts := map[string]bool{g.Merged: true}
	for _, c := range r.Candidates {
		counts[c.Name] = counts[c.Name] || c.Parent != ""
	}
	for i, m := range g.Models {
		switch {
		case m.Metric == nil || !counts[m.Name]:
		case best == nil, r.SmallerIsBetter() && *m.Metric < *best.Metric,
			!r.SmallerIsBetter() && *m.Metric > *best.Metric:
			best = &g.Models[i]
		}
	}
	return best
}

// groupTable prints the metric of every model on every group.
func groupTable(v *terminal.Voice, list []search.ReportGroup, names map[string]string) error {
	if len(list) == 0 {
		return nil
	}
	if err := v.Line(""); err != nil {
		return err
	}
	rows := [][]string{{"group", "samples"}}
	for _, m := range list[0].Models {
		rows[0] = append(rows[0], names[m.Name])
	}
	for _, g := range list {
		row := []string{g.Name, fmt.Sprint(g.Samples)}
		for _, m := range g.Models {
			row = append(row, terminal.Figure(m.Metric))
		}
		rows = append(rows, row)
	}
	return v.Table(rows, rows[0][1:]...)
}

// shortPaths are the names of files, or their paths where two have the same name.
func shortPaths(paths []string) map[string]string {
	count := map[string]int{}
	for _, p := range paths {
		count[filepath.Base(p)]++
	}
	names := map[string]string{}
	for _, p := range paths {
		names[p] = p
		if base := filepath.Base(p); count[base] == 1 {
			names[p] = base
		}
	}
	return names
}
