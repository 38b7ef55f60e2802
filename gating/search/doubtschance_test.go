package search

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// TestLossOfMean: each sample is answered with the mean of the others, place by place; integers are numbers too, and
// of one sample there is nothing to say.
func TestLossOfMean(t *testing.T) {
	of := func(c dataset.Column) *dataset.Data { return &dataset.Data{Label: &c} }
	numbers := dataset.Column{Type: onnx.Float32, Shape: []int{2}, Floats: []float32{1, 10, 3, 10, 8, 10}}
	for _, c := range []struct {
		name string
		data *dataset.Data
		loss network.Loss
		want float64
	}{
		{"squares", of(numbers), network.MSE{}, (4.5*4.5 + 1.5*1.5 + 6*6) / 6},
		{"distances", of(numbers), network.MAE{}, (4.5 + 1.5 + 6) / 6},
		{"integers", of(dataset.Column{Type: onnx.Int64, Ints: []int64{1, 3, 8}}), network.MSE{}, (4.5*4.5 + 1.5*1.5 + 6*6) / 3},
		{"one sample", of(dataset.Column{Type: onnx.Float32, Floats: []float32{1}}), network.MSE{}, math.Inf(1)},
		{"some do not count", of(dataset.Column{Type: onnx.Int64, Ints: []int64{1, 0, network.Ignored}}), network.BCE{},
			math.Inf(1)},
	} {
		if got := lossOfMean(c.data, 0, c.loss); got != c.want && !(math.Abs(got-c.want) < 1e-6) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestAreaError: the standard error of an area under the curve at random, of places that have both answers.
func TestAreaError(t *testing.T) {
	d := &dataset.Data{Label: &dataset.Column{Type: onnx.Float32, Shape: []int{2}, Floats: []float32{1, 0, 0, 0, 0, 0}}}
	if got, want := areaError(d, 0), math.Sqrt(4.0/(12*1*2)); math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestLikeliest: labels that are probabilities count for their likeliest class.
func TestLikeliest(t *testing.T) {
	d := &dataset.Data{Label: &dataset.Column{Type: onnx.Float32, Shape: []int{2}, Floats: []float32{.9, .1, .4, .6, .8, .2}}}
	if s := likeliest(d, 0, 2); s.Samples != 3 || math.Abs(s.Metric-2.0/3) > 1e-12 {
		t.Errorf("%+v", s)
	}
}
