package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// headsData are samples for twoHeads with a label for each of its outputs.
func headsData(t *testing.T) *dataset.Data {
	t.Helper()
	d := gatetest.Labelled(gatetest.Samples(3, 80, 6), 3)
	boxes := dataset.Column{Name: "boxes", Type: onnx.Float32, Shape: []int{4}, Floats: make([]float32, 4*d.Len())}
	for i, v := range gatetest.Random(5, len(boxes.Floats)) {
		boxes.Floats[i] = float32(v)
	}
	d.More = []dataset.Column{boxes}
	return d
}

// TestLabelsOfAllOutputsLeaveNothingUnseen: with a label for each output every layer takes part, and the report says of
// each output what it is judged by and how every candidate does.
func TestLabelsOfAllOutputsLeaveNothingUnseen(t *testing.T) {
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	o := search.Options{Anyway: true, Method: gating.Uniform, Objective: gating.ObjectiveOptions{Of: []gating.OutputOptions{
		{Output: "class"}, {Output: "box", Weight: 0.5, Metric: "mae"}}}}
	r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), headsData(t), o))(t)
	rep := gatetest.Must(r.Report())(t)
	for _, l := range rep.Layers {
		if l.Reason == unseen || l.Reason == "not selected" {
			t.Errorf("%v: %s", l.Tensors, l.Reason)
		}
	}
	if rep.LossName != "cross_entropy+mse" || rep.Metric != "loss" || rep.Objective.Output != "class+box" ||
		len(rep.Objective.Outputs) != 2 || rep.Objective.Outputs[1].Weight != 0.5 || rep.Objective.Outputs[1].Metric != "mae" ||
		rep.Objective.Outputs[1].Label != "boxes" || rep.Objective.Outputs[0].Classes != 3 {
		t.Errorf("loss %s, metric %s, objective %+v", rep.LossName, rep.Metric, rep.Objective)
	}
	for _, c := range rep.Candidates {
		if len(c.Outputs) != 2 || c.Outputs[0].Loss == nil || c.Outputs[1].Metric == nil {
			t.Errorf("%s: outputs %v", c.Name, c.Outputs)
		}
	}
}

// TestDoubtsOfOneHead: labels of one class are doubted, whichever output they are of.
func TestDoubtsOfOneHead(t *testing.T) {
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	d := headsData(t)
	for i := range d.Label.Ints {
		d.Label.Ints[i] = 1
	}
	d.Label, d.More = &d.More[0], []dataset.Column{*d.Label}
	o := search.Options{Objective: gating.ObjectiveOptions{Of: []gating.OutputOptions{{Output: "box"}, {Output: "class"}}}}
	_, err := search.Merge(t.Context(), gatetest.Select(t, models), d, o)
	if err == nil || !strings.Contains(err.Error(), `all labels are of one class at output "class"`) {
		t.Errorf("got %v", err)
	}
}

// TestWorseAtOneOutput: a merge that wins by the sum and is worse than a parent at one output is warned of.
func TestWorseAtOneOutput(t *testing.T) {
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	mean := gatetest.Must(search.Average(t.Context(), gatetest.Select(t, models), search.Options{Anyway: true}))(t).Model()
	d := headsData(t)
	answers := func(m *onnx.Model, output int) []float32 {
		x := &network.Tensor{Type: onnx.Float32, Shape: []int{d.Len(), 6}, F: d.Inputs[0].Floats}
		return gatetest.Must(network.Evaluate(m, map[string]*network.Tensor{"x": x}, nil))(t)[output].F
	}
	for i, scores := range slices.Collect(slices.Chunk(answers(mean, 0), 3)) { // the mean is right about classes
		d.Label.Ints[i] = int64(slices.Index(scores, slices.Max(scores)))
	}
	d.More[0].Floats = answers(models[1], 1) // and the second parent about boxes
	o := search.Options{Anyway: true, Method: gating.Uniform, Objective: gating.ObjectiveOptions{Of: []gating.OutputOptions{
		{Output: "class"}, {Output: "box", Weight: 1e-6}}}}
	r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), d, o))(t)
	if warnings := strings.Join(r.Warnings.Texts(), "; "); !r.Gained() ||
		!strings.Contains(warnings, `at output "box" the merge has mse`) {
		t.Errorf("chosen %s, warnings %q", r.Chosen.Name, warnings)
	}
}
