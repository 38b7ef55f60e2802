// Package report prints what commands find: tables and messages for people, objects for scripts.
package report

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Selection says which layers are going to be merged, and which that could have been are not.
func Selection(v *terminal.Voice, s *graphmatch.Selection) {
	in := map[int]bool{}
	var merged, same, out []string
	for _, i := range s.Layers {
		in[i] = true
		if l := s.Alignment.Layers[i]; l.Status == graphmatch.Identical {
			same = append(same, l.Name)
		} else {
			merged = append(merged, l.Name)
		}
	}
	for i, l := range s.Alignment.Layers {
		if !in[i] && l.Mergeable() {
			out = append(out, l.Name)
		}
	}
	if len(merged) > 0 {
		v.Say("merging %s of %d models: %s", terminal.Counted(len(merged), "layer"), len(s.Alignment.Models),
			terminal.Short(merged))
	}
	if len(same) > 0 {
		v.Say("equal in all models, nothing to merge: %s", terminal.Short(same))
	}
	if len(out) > 0 {
		v.Say("not selected, as %s has them: %s", filepath.Base(s.Alignment.Models[s.Alignment.Base].Path()),
			terminal.Short(out))
	}
	misfits(v, s.Alignment)
}

// Shapes says how many shapes samples have, if they differ.
func Shapes(v *terminal.Voice, list ...*dataset.Data) {
	for _, d := range list {
		if d != nil && len(d.Parts()) > 1 {
			v.Say("%s of %d shapes: each has a network of its own, with the same gates",
				terminal.Counted(d.Len(), "sample"), len(d.Parts()))
		}
	}
}

// misfits says which layers do not align, and why.
func misfits(v *terminal.Voice, a *graphmatch.Alignment) {
	var why []string
	layers := map[string][]string{}
	for _, l := range a.Layers {
		if !l.Mergeable() {
			layers[l.Reason] = append(layers[l.Reason], l.Name)
			why = append(why, l.Reason)
		}
	}
	reasons(v, "left out", why, layers)
}

// Copies warns of models that are given twice: they count twice in averages.
func Copies(r *search.Report) (w advice.Warnings) {
	first := map[string]string{}
	for _, p := range r.Parents {
		if other, ok := first[p.SHA256]; ok {
			w.Addf(graphmatch.ErrAlign, "name every model once", "%s and %s are the same file, byte for byte", other,
				p.Path)
			continue
		}
		first[p.SHA256] = p.Path
	}
	return w
}

// Reordered says which parents' hidden units were brought into the base's order.
func Reordered(v *terminal.Voice, r *search.Report) {
	if r.Reordered == nil {
		return
	}
	for j, moved := range r.Reordered.Moved {
		if moved > 0 {
			v.Say("%s: %d of %d hidden units reordered by %s; cosine with the base's weights %.2f, was %.2f",
				filepath.Base(r.Parents[j].Path), moved, r.Reordered.Units[j], r.Reordered.By,
				r.Reordered.CosineAfter[j], r.Reordered.CosineBefore[j])
		}
	}
}

// Exclusions says where parents were left out of the mixture.
func Exclusions(v *terminal.Voice, r *search.Report) {
	var why []string
	layers := map[string][]string{}
	for _, l := range r.Layers {
		list := []string{}
		for _, e := range l.Excluded {
			list = append(list, e.Text(r.Parents))
		}
		if l.Status == search.Nonfinite && len(list) == 0 { // in every parent
			list = append(list, l.Reason)
		}
		for _, reason := range list {
			layers[reason] = append(layers[reason], l.Name)
			why = append(why, reason)
		}
	}
	reasons(v, "at", why, layers)
}

// reasons prints each reason once, with the layers it is given for.
func reasons(v *terminal.Voice, what string, why []string, layers map[string][]string) {
	said := map[string]bool{}
	for _, reason := range why {
		switch {
		case said[reason]:
			continue
		case len(said) == terminal.MaxListed:
			v.Say("and more: see softmerge match, or --json")
			return
		}
		said[reason] = true
		v.Say("%s %s: %s", what, terminal.Short(layers[reason]), reason)
	}
}

// Candidates prints the table of candidates, the one that is written marked.
func Candidates(v *terminal.Voice, r *search.Report) error { return candidates(v, r, "<- chosen") }

// Kept prints the table of candidates where no merge is better than the best parent: nothing is written.
func Kept(v *terminal.Voice, r *search.Report) error { return candidates(v, r, "<- kept") }

func candidates(v *terminal.Voice, r *search.Report, mark string) error {
	if r.Identical {
		return v.Line("the models are identical in every selected layer: the result is the base, byte for byte")
	}
	if r.LossName == "" {
		return v.Line("%s of %d models; without data nothing is judged", r.Chosen, len(r.Parents))
	}
	judged(v, r)
	figures := figureNames(r.LossName, r.Metric, r.Objective)
	rows := [][]string{append([]string{"candidate"}, figures...)}
	known := slices.ContainsFunc(r.Candidates, func(c search.ReportCandidate) bool { return c.StandardError != nil })
	if known {
		rows[0] = append(rows[0], standardError)
	}
	rows[0] = append(rows[0], "")
	for _, c := range r.Candidates {
		note := c.Reason
		if c.Chosen {
			note = mark
		}
		row := append([]string{candidateName(r, c)}, figuresOf(c.Loss, c.Metric, c.Outputs)...)
		for len(row) <= len(figures) {
			row = append(row, terminal.Figure(nil))
		}
		if known {
			row = append(row, terminal.Figure(c.StandardError))
		}
		rows = append(rows, append(row, note))
	}
	if err := v.Table(rows, append(figures, standardError)...); err != nil {
		return err
	}
	return groups(v, r)
}

// standardError is the heading of the metric's standard errors.
const standardError = "+-"

// judged says on how many samples candidates were judged, and how.
func judged(v *terminal.Voice, r *search.Report) {
	samples := terminal.Counted(r.HeldOut, "sample")
	switch {
	case r.HeldOut == 0:
	case r.Folds == 2:
		v.Say("judged on %s, each by what was learned on the other half", samples)
	case r.Folds > 2:
		v.Say("judged on %s in %d parts, each by what was learned on the others", samples, r.Folds)
	default:
		v.Say("judged on %s that no gate learned from", samples)
	}
}

// candidateName is a candidate's name for people: of a parent, as much of its path as tells it from the others.
func candidateName(r *search.Report, c search.ReportCandidate) string {
	path := c.Parent
	if path == "" {
		return c.Name
	}
	same := 0
	for _, p := range r.Parents {
		if filepath.Base(p.Path) == filepath.Base(path) {
			same++
		}
	}
	if same > 1 {
		return "parent " + path
	}
	return "parent " + filepath.Base(path)
}

// Wrote says what was written.
func Wrote(v *terminal.Voice, r *search.Report, size int64) {
	c := r.ChosenCandidate()
	what := candidateName(r, *c)
	if c.Metric != nil {
		what += fmt.Sprintf(", %s %s", r.Metric, terminal.Figure(c.Metric))
	}
	if r.Refitted {
		what += "; judged so, then learned again on all data"
	}
	v.Say("wrote %s (%s): %s", r.Output, terminal.Bytes(size), what)
	if c.Parent == "" && r.Weights != nil {
		v.Say("%s", r.Weights.Text())
	}
	if r.Routed != nil && r.Routed.Router != nil {
		wroteMixed(v, r.Routed)
	}
}

// Rehearsal prints what a dry run would merge.
func Rehearsal(v *terminal.Voice, s *graphmatch.Selection) error {
	in := map[int]bool{}
	for _, i := range s.Layers {
		in[i] = true
	}
	t := s.Alignment.Table()
	if v.JSON {
		type row struct {
			graphmatch.TableRow
			Selected bool `json:"selected"`
		}
		rows := []row{}
		for i, l := range t.Layers {
			rows = append(rows, row{l, in[i]})
		}
		return v.Object(struct {
			DryRun   bool     `json:"dry_run"`
			Layers   []row    `json:"layers"`
			Warnings []string `json:"warnings"`
			Notes    []string `json:"notes"`
		}{true, rows, v.Warned(), v.Noted()})
	}
	rows := [][]string{{"layer", "operator", "status", "merge", "reason"}}
	for i, l := range t.Layers {
		merge := "no"
		if in[i] {
			merge = "yes"
		}
		rows = append(rows, reasoned(l, l.Name, l.Op, string(l.Status), merge)...)
	}
	return v.Table(rows)
}
