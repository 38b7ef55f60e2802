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
	Path   string   `json:"path"`
	Loss   *float64 `json:"loss"` // null where it is not finite
	Metric *float64 `json:"metric"`
	// Outputs are loss and metric of each output, where several are judged; loss and metric are then their sum.
	Outputs []search.ReportHead `json:"outputs,omitempty"`
	Samples int                 `json:"samples"`
	Seconds float64             `json:"seconds"`
	Reason  string              `json:"reason,omitempty"` // why the loss is not finite
}

// NewEvaluated describes a score.
func NewEvaluated(path string, s gating.Score, took time.Duration) Evaluated {
	e := Evaluated{Path: path, Loss: search.Number(s.Loss), Metric: search.Number(s.Metric), Samples: s.Samples,
		Outputs: search.HeadFigures(s), Seconds: took.Seconds()}
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
	figures := figureNames(e.LossName, e.Metric, e.Objective)
	numbers := append(figures, "samples", "seconds")
	rows := [][]string{append(append([]string{"model"}, numbers...), "")}
	for _, m := range e.Models {
		row := append([]string{m.Path}, figuresOf(m.Loss, m.Metric, m.Outputs)...)
		rows = append(rows, append(row, fmt.Sprint(m.Samples), fmt.Sprintf("%.2f", m.Seconds), m.Reason))
	}
	if err := v.Table(rows, numbers...); err != nil {
		return err
	}
	var paths []string
	for _, m := range e.Models {
		paths = append(paths, m.Path)
	}
	return groupTable(v, e.Groups, shortPaths(paths))
}

// figureNames are the headings of figures: loss and metric, or the sum of the losses and the metric of each output.
func figureNames(loss, metric string, o *search.ReportObjective) []string {
	if o == nil || len(o.Outputs) == 0 {
		return []string{loss, metric}
	}
	names := []string{"loss"}
	for _, of := range o.Outputs {
		names = append(names, of.Output+" "+of.Metric)
	}
	return names
}

// figuresOf are the figures under these headings; of a model that could not be judged, none of outputs.
func figuresOf(loss, metric *float64, outputs []search.ReportHead) []string {
	list := []string{terminal.Figure(loss)}
	if len(outputs) == 0 {
		return append(list, terminal.Figure(metric))
	}
	for _, o := range outputs {
		list = append(list, terminal.Figure(o.Metric))
	}
	return list
}
