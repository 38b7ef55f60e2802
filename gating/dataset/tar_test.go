package dataset

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// An archive of a multi-label data set: images decode in any order, and the label is a list of 0 and 1.
func TestTar(t *testing.T) {
	d := mustOpen(t, "../../fixtures/tasks/tagger/val.tar", Options{
		Inputs: []Field{{Name: "image", Type: onnx.Float32, Shape: []int{-1, 3, 28, 28}}}, Label: "labels"})
	mustWell(t, d)
	if d.Len() < 100 || d.Label.Size() != 6 || d.Label.Type != onnx.Int64 {
		t.Errorf("%d samples, label %s%v", d.Len(), d.Label.Type, d.Label.Shape)
	}
}

// Trying ways to preprocess needs some images only, with their labels; and whether there are any is found first.
func TestTarSample(t *testing.T) {
	const path = "../../fixtures/tasks/tagger/val.tar"
	o := Options{Inputs: []Field{{Name: "image", Type: onnx.Float32, Shape: []int{-1, 3, 28, 28}}}, Label: "labels"}
	whole := mustOpen(t, path, o)
	o.Sample = 10
	some := mustOpen(t, path, o)
	if some.Len() != 10 || !HoldsImages(path, o) || HoldsImages("../../fixtures/tasks/bert/val.jsonl", o) {
		t.Fatalf("%d samples", some.Len())
	}
	for i := range 10 {
		row := i * whole.Len() / 10
		got, _ := some.Inputs[0].row(i)
		want, _ := whole.Inputs[0].row(row)
		_, gotLabel := some.Label.row(i)
		_, wantLabel := whole.Label.row(row)
		if !slices.Equal(got, want) || !slices.Equal(gotLabel, wantLabel) {
			t.Errorf("sample %d is not row %d", i, row)
		}
	}
	o.Inputs[0].Shape = []int{-1, 1, 8, 8}
	o.Label = ""
	if d := mustOpen(t, formats+"#train", o); d.Len() != 10 {
		t.Errorf("%d samples", d.Len())
	}
}
