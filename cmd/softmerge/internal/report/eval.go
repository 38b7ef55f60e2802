package report

import (
	"fmt"
	"time"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/search"
)

// Evaluation is what eval prints: how well models do on data.
type Evaluation struct {
	Models     []Evaluated              `json:"models"`
	Metric     string                   `json:"metric"`
	LossName   string                   `json:"loss_name"`
	Objective  *search.ReportObjective  `json:"objective"`
	Data       *search.ReportData       `json:"data"`
	Groups     []search.ReportGroup     `json:"groups,omitempty"` // where the samples have any
	Warnings   []string                 `json:"warnings"`
	Notes      []string                 `json:"notes"`                // what was taken without being named
	Preprocess *search.ReportPreprocess `json:"preprocess,omitempty"` // what becomes of images
}

// Evaluated is one model's result.
type Evaluated struct {
	Path    string   `json:"path"`
	Loss    *float64 `json:"loss"` // null where it is not finite
	Metric  *float64 `json:"metric"`
	Samples int      `json:"samples"`
	Seconds float64  `json:"seconds"`
	Reason  string   `json:"reason,omitempty"` // why the loss is not finite
}

// NewEvaluated describes a score.
func NewEvaluated(path string, s gating.Score, took time.Duration) Evaluated {
	e := Evaluated{Path: path, Loss: search.Number(s.Loss), Metric: search.Number(s.Metric), Samples: s.Samples,
		Seconds: took.Seconds()}
	if !s.Finite() {
		e.Reason = "its loss is not a finite number"
	}
	return e
}

// Print prints the results, a row a model.
func (e *Evaluation) Print(v *terminal.Voice) error {
	if v.JSON {
		return v.Object(e)
	}
	rows := [][]string{{"model", e.LossName, e.Metric, "samples", "seconds", ""}}
	for _, m := range e.Models {
		rows = append(rows, []string{m.Path, terminal.Figure(m.Loss), terminal.Figure(m.Metric),
			fmt.Sprint(m.Samples), fmt.Sprintf("%.2f", m.Seconds), m.Reason})
	}
	if err := v.Table(rows, e.LossName, e.Metric, "samples", "seconds"); err != nil {
		return err
	}
	var paths []string
	for _, m := range e.Models {
		paths = append(paths, m.Path)
	}
	return groupTable(v, e.Groups, shortPaths(paths))
}
