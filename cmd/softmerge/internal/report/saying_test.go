package report

import (
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/search"
)

// "It judged the wrong output, and pixels of 0 to 255": what is judged, and on which numbers, is said.
func TestJudging(t *testing.T) {
	o := &search.ReportObjective{Output: "logits", Label: "y", Loss: "cross_entropy", Metric: "accuracy", Classes: 10}
	d := &search.ReportData{Samples: 480, Judged: 120, Inputs: []search.ReportInput{
		{Name: "image", Type: "float32", Shape: []int{1, 8, 8}, Min: number(0), Max: number(255)},
		{Name: "mask", Type: "float32", Shape: []int{}},
	}}
	_, errs := spoken(t, func(v *terminal.Voice) error { Judging(v, o, d); return nil })
	want := `softmerge: output "logits" of 10 classes, label "y", loss cross_entropy, metric accuracy
softmerge: 480 samples to learn from, 120 to judge on: inputs "image" float32[1 8 8] of 0 to 255, "mask" float32[]
`
	if errs != want {
		t.Errorf("got\n%swant\n%s", errs, want)
	}
	o.Classes, o.Loss, d.Samples, d.Inputs = 0, "mse", 0, d.Inputs[:1]
	_, errs = spoken(t, func(v *terminal.Voice) error { Judging(v, o, d); return nil })
	want = `softmerge: output "logits", label "y", loss mse, metric accuracy
softmerge: 120 samples: input "image" float32[1 8 8] of 0 to 255
`
	if errs != want {
		t.Errorf("got\n%swant\n%s", errs, want)
	}
}
