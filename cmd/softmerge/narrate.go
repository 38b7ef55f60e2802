package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
)

// selection says which layers are going to be merged, and which that could have been are not.
func (v *voice) selection(s *graphmatch.Selection) {
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
		v.say("merging %s of %d models: %s", counted(len(merged), "layer"), len(s.Alignment.Models), short(merged))
	}
	if len(same) > 0 {
		v.say("equal in all models, nothing to merge: %s", short(same))
	}
	if len(out) > 0 {
		v.say("not selected, as %s has them: %s", filepath.Base(s.Alignment.Models[s.Alignment.Base].Path()), short(out))
	}
	v.misfits(s.Alignment)
}

// shapes says how many shapes samples have, if they differ.
func (v *voice) shapes(list ...*dataset.Data) {
	for _, d := range list {
		if d != nil && len(d.Parts()) > 1 {
			v.say("%s of %d shapes: each has a network of its own, with the same gates", counted(d.Len(), "sample"), len(d.Parts()))
		}
	}
}

// misfits says which layers do not align, and why.
func (v *voice) misfits(a *graphmatch.Alignment) {
	var why []string
	layers := map[string][]string{}
	for _, l := range a.Layers {
		if !l.Mergeable() {
			layers[l.Reason] = append(layers[l.Reason], l.Name)
			why = append(why, l.Reason)
		}
	}
	v.reasons("left out", why, layers)
}

// reordered says which parents' hidden units were brought into the base's order.
func (v *voice) reordered(r *gating.Report) {
	if r.Reordered == nil {
		return
	}
	for j, moved := range r.Reordered.Moved {
		if moved > 0 {
			v.say("%s: %d of %d hidden units reordered by %s; cosine with the base's weights %.2f, was %.2f", filepath.Base(r.Parents[j].Path),
				moved, r.Reordered.Units[j], r.Reordered.By, r.Reordered.CosineAfter[j], r.Reordered.CosineBefore[j])
		}
	}
}

// exclusions says where parents were left out of the mixture.
func (v *voice) exclusions(r *gating.Report) {
	var why []string
	layers := map[string][]string{}
	for _, l := range r.Layers {
		if l.Status != "gated" && l.Status != "nonfinite" || l.Reason == "" {
			continue
		}
		for _, reason := range strings.Split(l.Reason, "; ") {
			layers[reason] = append(layers[reason], l.Name)
			why = append(why, reason)
		}
	}
	v.reasons("at", why, layers)
}

// reasons prints each reason once, with the layers it is given for.
func (v *voice) reasons(what string, why []string, layers map[string][]string) {
	said := map[string]bool{}
	for _, reason := range why {
		switch {
		case said[reason]:
			continue
		case len(said) == maxListed:
			v.say("and more: see softmerge match, or --json")
			return
		}
		said[reason] = true
		v.say("%s %s: %s", what, short(layers[reason]), reason)
	}
}

// candidates prints the table of candidates, the chosen one marked.
func (v *voice) candidates(r *gating.Report) error {
	if r.Identical {
		_, err := fmt.Fprintln(v.out, "the models are identical in every selected layer: the result is the base, byte for byte")
		return err
	}
	if r.LossName == "" {
		_, err := fmt.Fprintf(v.out, "%s of %d models; without data nothing is judged\n", r.Chosen, len(r.Parents))
		return err
	}
	if r.HeldOut > 0 {
		v.say("judged on %s that no gate learned from", counted(r.HeldOut, "sample"))
	}
	rows := [][]string{{"candidate", r.LossName, r.Metric, ""}}
	for _, c := range r.Candidates {
		mark := c.Reason
		if c.Chosen {
			mark = "<- chosen"
		}
		rows = append(rows, []string{candidateName(r, c.Name), figure(c.Loss), figure(c.Metric), mark})
	}
	return v.table(rows, r.LossName, r.Metric)
}

// candidateName is a candidate's name for people: of a parent, as much of its path as tells it from the others.
func candidateName(r *gating.Report, name string) string {
	path, parent := strings.CutPrefix(name, "parent:")
	if !parent {
		return name
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

// wrote says what was written.
func (v *voice) wrote(r *gating.Report, size int64) {
	i := slices.IndexFunc(r.Candidates, func(c gating.ReportCandidate) bool { return c.Chosen })
	what := candidateName(r, r.Chosen)
	if i >= 0 && r.Candidates[i].Metric != nil {
		what += fmt.Sprintf(", %s %s", r.Metric, figure(r.Candidates[i].Metric))
	}
	v.say("wrote %s (%s): %s", r.Output, bytesText(size), what)
}

// rehearsal prints what a dry run would merge.
func (v *voice) rehearsal(s *graphmatch.Selection) error {
	in := map[int]bool{}
	for _, i := range s.Layers {
		in[i] = true
	}
	t := s.Alignment.Table()
	if v.json {
		type row struct {
			graphmatch.TableRow
			Selected bool `json:"selected"`
		}
		rows := []row{}
		for i, l := range t.Layers {
			rows = append(rows, row{l, in[i]})
		}
		return v.object(struct {
			DryRun bool  `json:"dry_run"`
			Layers []row `json:"layers"`
		}{true, rows})
	}
	rows := [][]string{{"layer", "operator", "status", "merge", "reason"}}
	for i, l := range t.Layers {
		merge := "no"
		if in[i] {
			merge = "yes"
		}
		rows = append(rows, []string{l.Name, l.Op, string(l.Status), merge, l.Reason})
	}
	return v.table(rows)
}
