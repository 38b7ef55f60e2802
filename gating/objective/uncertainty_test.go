package objective

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/metric"
)

// TestUncertaintyIsEntropy: of classes, of single things, a mean over positions; numbers have none.
func TestUncertaintyIsEntropy(t *testing.T) {
	classes := Head{task: metric.Task{Kind: metric.Agreed, Axis: 1}, Classes: 4}
	things := Head{task: metric.Task{Kind: metric.Agreed, Axis: -1}}
	for _, c := range []struct {
		name   string
		head   Head
		answer []float32
		want   float64
	}{
		{"certain", classes, []float32{0, 1, 0, 0}, 0},
		{"all alike", classes, []float32{.25, .25, .25, .25}, math.Log(4)},
		{"two positions", classes, []float32{0, 1, 1, 0, 1, 0, 0, 1}, 0},
		{"two positions, one uncertain", classes, []float32{0, .5, 1, .5, 1, 0, 0, 0}, math.Ln2 / 2},
		{"a thing", things, []float32{.5}, math.Ln2},
		{"three things", things, []float32{.5, 0, 1}, math.Ln2 / 3},
		{"numbers", Head{task: metric.Task{Kind: metric.Imitated, Axis: -1}}, []float32{.5, 7}, 0},
		{"nothing", classes, nil, 0},
	} {
		if got := c.head.Uncertainty(c.answer); math.Abs(got-c.want) > 1e-7 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
