package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
)

// candidates prints the table of candidates, the chosen one marked.
func (v *voice) candidates(r *gating.Report) error {
	if r.Identical {
		_, err := fmt.Fprintln(v.out, "the models are identical in every selected layer: the result is the base, byte for byte")
		return err
	}
	rows := [][]string{{"candidate", r.LossName, r.Metric, ""}}
	for _, c := range r.Candidates {
		mark := c.Reason
		if c.Chosen {
			mark = "<- chosen"
		}
		name := c.Name
		if p, ok := strings.CutPrefix(name, "parent:"); ok {
			name = "parent " + filepath.Base(p)
		}
		rows = append(rows, []string{name, figure(c.Loss), figure(c.Metric), mark})
	}
	return v.table(rows)
}

// figure prints a number, or what stands for none.
func figure(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%.4f", *f)
}

// selected prints what a dry run would merge.
func (v *voice) selected(s *graphmatch.Selection) error {
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
