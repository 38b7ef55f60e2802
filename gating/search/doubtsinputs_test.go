package search

import (
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// TestRepeats: labels that are the input's numbers are found, where some do not count too, and those of samples, of
// floats or shifted are not.
func TestRepeats(t *testing.T) {
	column := func(shape []int, values ...int64) *dataset.Column {
		return &dataset.Column{Type: onnx.Int64, Shape: shape, Ints: values}
	}
	three := []int{3}
	ids := column(three, 5, 6, 7, 8, 9, 10)
	for _, c := range []struct {
		name         string
		label, input *dataset.Column
		want         bool
	}{
		{"the same", column(three, 5, 6, 7, 8, 9, 10), ids, true},
		{"padding does not count", column(three, 5, 6, 7, 8, network.Ignored, network.Ignored), ids, true},
		{"shifted", column(three, 6, 7, network.Ignored, 9, 10, network.Ignored), ids, false},
		{"of samples", column(nil, 5, 6), column(nil, 5, 6), false},
		{"floats", column(three, 5, 6, 7), &dataset.Column{Type: onnx.Float32, Shape: three, Floats: []float32{5, 6, 7}}, false},
	} {
		if got := repeats(c.label, c.input); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
