package report

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Routed describes several models that became one file, m, or one task of it.
func Routed(e *routed.EMR, s *graphmatch.Selection, m, start *onnx.Model) (*search.Report, error) {
	name := string(routed.Name)
	r := &search.Report{Method: routed.Name, Chosen: name, Folds: 0, Notes: []string{}, Warnings: []string{},
		Candidates: []search.ReportCandidate{{Name: name, Chosen: true}}, Layers: layersOf(e, s)}
	for _, p := range s.Alignment.Models {
		sum, err := p.SHA256()
		if err != nil {
			return nil, err
		}
		r.Parents = append(r.Parents, search.ReportParent{Path: p.Path(), SHA256: sum})
	}
	var err error
	if r.Weights, err = weightsOf(e, s); err != nil {
		return nil, err
	}
	t := routed.TasksOf(m)
	r.Routed = &search.ReportRouted{Method: name, Tasks: t.Names, Input: t.Input, Task: t.Task, Required: t.Required,
		Factors: e.Factors(), MeanStart: start == nil}
	r.Routed.Elected, r.Routed.Exact = e.Count()
	if start == nil {
		return r, nil
	}
	r.Routed.Start = start.Path()
	r.Routed.StartSHA256, err = start.SHA256()
	return r, err
}

// layersOf says of every layer what became of it.
func layersOf(e *routed.EMR, s *graphmatch.Selection) []search.ReportLayer {
	selected := map[int]bool{}
	for _, i := range s.Layers {
		selected[i] = true
	}
	list := []search.ReportLayer{}
	for i := range s.Alignment.Layers {
		layer := &s.Alignment.Layers[i]
		l := search.ReportLayer{Name: layer.Name, Op: layer.Op, Status: "routed", Tensors: []string{}}
		for _, p := range layer.Params {
			l.Tensors = append(l.Tensors, p.Uses[s.Alignment.Base].Name)
		}
		exact := e.Exact(layer)
		switch {
		case !layer.Mergeable() && len(exact) == 0:
			l.Status, l.Reason = "mismatch", layer.Reason
		case !selected[i]:
			l.Status, l.Reason = "copied", "not selected"
		case layer.Status == graphmatch.Identical:
			l.Status = "identical"
		default:
			if len(exact) > 0 {
				l.Reason = "kept for each task: " + strings.Join(exact, ", ")
			}
		}
		list = append(list, l)
	}
	return list
}

// weightsOf counts the base's weights by what became of them.
func weightsOf(e *routed.EMR, s *graphmatch.Selection) (*search.ReportWeights, error) {
	all, err := s.Alignment.Weights()
	if err != nil {
		return nil, err
	}
	selected := map[string]bool{}
	for _, i := range s.Layers {
		selected[s.Alignment.Layers[i].Name] = true
	}
	w, unmatched, excluded := &search.ReportWeights{}, 0, 0
	for _, t := range all[s.Alignment.Base] {
		w.Total += t.Elements
		switch {
		case t.Layer != nil && len(e.Exact(t.Layer)) > 0: // heads of different size match nothing, and are there
			w.Merged += t.Elements
		case !t.Matched():
			unmatched += t.Elements
		case !selected[t.Layer.Name]:
			excluded += t.Elements
		case t.Layer.Status == graphmatch.Identical:
			w.Identical += t.Elements
		default:
			w.Merged += t.Elements
		}
	}
	w.Keep(unmatched, excluded)
	return w, nil
}

// WroteTasks says what was written of several models.
func WroteTasks(v *terminal.Voice, r *search.Report, size int64) {
	t := r.Routed
	v.Say("wrote %s (%s): %s", r.Output, terminal.Bytes(size), taskList(t.Tasks, t.Input, t.Task, t.Required))
	v.Say("%s from one start, one task vector and masks; %d kept for each task", terminal.Counted(t.Elected, "weight"),
		t.Exact)
}

// taskList says which tasks a file has, and how one is chosen.
func taskList(names []string, input string, task *int, required bool) string {
	if task != nil {
		return fmt.Sprintf("task %d, %s, by itself", *task, names[*task])
	}
	var list []string
	for i, name := range names {
		list = append(list, fmt.Sprintf("%d %s", i, name))
	}
	text := fmt.Sprintf("%s, chosen by the input %s: %s", terminal.Counted(len(names), "task"), input,
		strings.Join(list, ", "))
	if !required {
		text += "; 0 where it is not given"
	}
	return text
}

// modelList says which models a file has, and how they are chosen or mixed.
func modelList(t *routed.Tasks) string {
	if t.Router == "" {
		return taskList(t.Names, t.Input, t.Task, t.Required)
	}
	return fmt.Sprintf("%s, mixed for every sample by what layer %s reads: %s",
		terminal.Counted(len(t.Names), "model"), t.Router, strings.Join(t.Names, ", "))
}
