package report

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/search"
)

// Judging says what models are judged by, and on what: people see at once that another output, loss or scale was
// taken than the one they mean.
func Judging(v *terminal.Voice, o *search.ReportObjective, d *search.ReportData) {
	outputs := []search.ReportOutput{{ReportObjective: *o}}
	if len(o.Outputs) > 0 {
		outputs = o.Outputs
	}
	for _, of := range outputs {
		text := outputText(&of.ReportObjective)
		if of.Weight != 0 && of.Weight != 1 {
			text += fmt.Sprintf(", weight %.4g", of.Weight)
		}
		v.Say("%s", text)
	}
	if len(outputs) > 1 {
		v.Say("models are judged by the sum of these losses")
	}
	v.Say("%s", inputsText(d))
}

// outputText says what is judged of an output.
func outputText(o *search.ReportObjective) string {
	classes := ""
	if o.Classes > 0 {
		classes = fmt.Sprintf(" of %d classes", o.Classes)
	}
	if o.Layout != "" {
		classes += fmt.Sprintf(" (%s)", o.Layout)
	}
	label := "no label"
	switch {
	case o.Label != "":
		label = fmt.Sprintf("label %q", o.Label)
	case len(o.Ensemble) > 0:
		label = fmt.Sprintf("no label but the mean answer of %s", terminal.Counted(len(o.Ensemble), "model"))
		if o.Own {
			label = "no label but the answer of the model that a sample is for"
		}
	}
	if o.Assumed {
		classes += ", as it seems"
	}
	if len(o.Ignored) > 0 {
		label += fmt.Sprintf(" but for %s", strings.Trim(fmt.Sprint(o.Ignored), "[]"))
	}
	return fmt.Sprintf("output %q%s, %s, loss %s, metric %s", o.Output, classes, label, o.Loss, o.Metric)
}

// inputsText says what learns and judges.
func inputsText(d *search.ReportData) string {
	var inputs []string
	for _, in := range d.Inputs {
		text := fmt.Sprintf("%q %s%v", in.Name, in.Type, in.Shape)
		if in.Min != nil {
			text += fmt.Sprintf(" of %.4g to %.4g", *in.Min, *in.Max)
		}
		inputs = append(inputs, text)
	}
	what := "input"
	if len(inputs) > 1 {
		what = "inputs"
	}
	counts := terminal.Counted(d.Judged, "sample")
	if d.Samples > 0 {
		counts = fmt.Sprintf("%s to learn from, %d to judge on", terminal.Counted(d.Samples, "sample"), d.Judged)
	}
	if d.Folds > 0 {
		counts = fmt.Sprintf("%s to learn from and judge on, in %d folds", terminal.Counted(d.Samples, "sample"),
			d.Folds)
	}
	return fmt.Sprintf("%s: %s %s", counts, what, strings.Join(inputs, ", "))
}
