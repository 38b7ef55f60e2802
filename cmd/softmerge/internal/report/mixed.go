package report

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
)

// Mixed adds to a report how models are mixed for every sample, or that the file is one of them as the merge has it.
func Mixed(r *search.Report, e *experts.Experts, task *int, s *graphmatch.Selection) {
	gates, told := e.Gates(), e.Told()
	router := &search.ReportRouter{Layer: gates.Router, Flat: gates.Flat, Width: e.Width(),
		Shared: []string{}, Mixed: []string{}, Samples: told.Samples, Temperature: gates.Temperature, Right: told.Right,
		CrossEntropy: told.CrossEntropy, Guess: told.Guess, Shares: told.Shares, Spread: told.Spread}
	for i := range r.Layers {
		layer := &s.Alignment.Layers[i]
		switch {
		case e.Routed(layer):
			r.Layers[i].Status = "routed"
			router.Mixed = append(router.Mixed, layer.Name)
		case e.Shared(layer):
			r.Layers[i].Status, r.Layers[i].Reason = "gated", "shared by all samples: the models' mean"
			router.Shared = append(router.Shared, layer.Name)
		}
	}
	r.Routed = &search.ReportRouted{Method: string(r.Method), Tasks: e.Tasks(), Task: task, Factors: []float64{},
		Router: router}
}

// wroteMixed says how models are mixed for every sample.
func wroteMixed(v *terminal.Voice, t *search.ReportRouted) {
	r := t.Router
	if t.Task != nil {
		v.Say("%s", taskList(t.Tasks, "", t.Task, false))
		return
	}
	what := fmt.Sprintf("the mean over positions of what layer %s reads", r.Layer)
	if r.Flat {
		what = "what layer " + r.Layer + " reads"
	}
	v.Say("every sample mixes %d models by %s, %s", len(t.Tasks), what, terminal.Counted(r.Width, "number"))
	v.Say("mixed: %s", terminal.Short(r.Mixed))
	if len(r.Shared) > 0 {
		v.Say("shared by all samples, as the models' mean: %s", terminal.Short(r.Shared))
	}
	if len(r.Shares) == 0 {
		v.Say("%.1f %% of the samples are nearest to the prototype of their own model", 100*r.Right)
		return
	}
	var list []string
	for j, share := range r.Shares {
		list = append(list, fmt.Sprintf("%s %.1f %%", t.Tasks[j], 100*share))
	}
	v.Say("on average a sample takes %s; they differ by %.2f nats", strings.Join(list, ", "), r.Spread)
}
