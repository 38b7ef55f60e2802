package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

func floatsOf(shape []int, v ...float32) *network.Tensor {
	return &network.Tensor{Type: onnx.Float32, Shape: shape, F: v}
}

func intsOf(shape []int, v ...int64) *network.Tensor {
	return &network.Tensor{Type: onnx.Int64, Shape: shape, I: v}
}

var nan = float32(math.NaN())

// TestMetrics computes every metric over two batches, against figures by hand.
func TestMetrics(t *testing.T) {
	for _, c := range []struct {
		name   string
		tally  tally
		out    [2]*network.Tensor
		target [2]*network.Tensor
		want   float64
	}{
		{"accuracy", &accuracy{axis: 1},
			[2]*network.Tensor{floatsOf([]int{2, 3}, 1, 3, 2, 5, 5, 1), floatsOf([]int{1, 3}, 0, 1, 2)},
			[2]*network.Tensor{intsOf([]int{2}, 1, 1),
				intsOf([]int{1}, 2)}, 2.0 / 3}, // of equal scores the first counts
		{"accuracy beside NaN", &accuracy{axis: 1},
			[2]*network.Tensor{floatsOf([]int{2, 2}, nan, 3, nan, nan), floatsOf([]int{1, 2}, 1, 0)},
			[2]*network.Tensor{intsOf([]int{2}, 1, 0), intsOf([]int{1}, 0)}, 2.0 / 3},
		{"accuracy of positions, classes second", &accuracy{axis: 1},
			[2]*network.Tensor{floatsOf([]int{1, 2, 3}, 1, 0, 5, 0, 1, 4), floatsOf([]int{1, 2, 3}, 1, 1, 1, 0, 0, 0)},
			[2]*network.Tensor{intsOf([]int{1, 3}, 0, 1, 1), intsOf([]int{1, 3}, 0, 0, 1)}, 4.0 / 6},
		{"accuracy of positions, classes last", &accuracy{axis: 2},
			[2]*network.Tensor{floatsOf([]int{1, 3, 2}, 1, 0, 0, 1, 5, 4), floatsOf([]int{1, 3, 2}, 1, 0, 1, 0, 1, 0)},
			[2]*network.Tensor{intsOf([]int{1, 3}, 0, 1, 1), intsOf([]int{1, 3}, 0, 0, 1)}, 4.0 / 6},
		{"binary accuracy of logits", &binaryAccuracy{},
			[2]*network.Tensor{floatsOf([]int{2}, -1, 0.2), floatsOf([]int{2}, 3, -0.4)},
			[2]*network.Tensor{intsOf([]int{2}, 0, 1), floatsOf([]int{2}, 0, 0)}, 0.75},
		{"binary accuracy of probabilities", &binaryAccuracy{form: network.Probabilities},
			[2]*network.Tensor{floatsOf([]int{2}, 0.1, 0.2), floatsOf([]int{2}, 0.6, 0.4)},
			[2]*network.Tensor{intsOf([]int{2}, 0, 1), floatsOf([]int{2}, 1, 0)}, 0.75},
		{"mse", &squares{},
			[2]*network.Tensor{floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 3, 5)},
			[2]*network.Tensor{floatsOf([]int{2}, 0, 2), intsOf([]int{2}, 3, 7)}, 5.0 / 4},
		{"mae", &absolutes{},
			[2]*network.Tensor{floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 3, 5)},
			[2]*network.Tensor{floatsOf([]int{2}, 0, 2), intsOf([]int{2}, 3, 7)}, 3.0 / 4},
		{"r2", &squares{relative: true},
			[2]*network.Tensor{floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 3, 5)},
			[2]*network.Tensor{floatsOf([]int{2}, 0, 2), intsOf([]int{2}, 3, 7)}, 1 - 5.0/26},
	} {
		for b := range c.out {
			c.tally.add(c.out[b], c.target[b])
		}
		if got := c.tally.value(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestBetter orders metric values; NaN is worse than anything.
func TestBetter(t *testing.T) {
	n := math.NaN()
	for _, c := range []struct {
		smaller bool
		a, b    float64
		want    bool
	}{
		{false, 2, 1, true}, {false, 1, 2, false}, {false, 1, 1, false}, {true, 1, 2, true}, {true, 2, 1, false},
		{false, n, 1, false}, {false, 1, n, true}, {true, n, 1, false}, {true, 1, n, true}, {false, n, n, false},
	} {
		if got := (Metric{Smaller: c.smaller}).Better(c.a, c.b); got != c.want {
			t.Errorf("smaller %v: %v better than %v is %v", c.smaller, c.a, c.b, got)
		}
	}
}
