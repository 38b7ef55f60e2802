package gating

import (
	"math"
	"testing"
)

// TestRepairLeavesDeadChannels: a channel that does not vary, or whose moments are no numbers, stays as it is.
func TestRepairLeavesDeadChannels(t *testing.T) {
	nan := math.NaN()
	got := moments{mean: []float64{1, 0, 2, 0}, deviation: []float64{0, 1, 1, 2}}
	want := moments{mean: []float64{5, nan, 3, 1}, deviation: []float64{1, 1, 0, 1}}
	r := repairTo("layer", got, want)
	for i, c := range [][2]float64{{1, 0}, {1, 0}, {1, 0}, {0.5, 1}} {
		if r.Scale[i] != c[0] || r.Shift[i] != c[1] {
			t.Errorf("channel %d: scale %g, shift %g, want %g and %g", i, r.Scale[i], r.Shift[i], c[0], c[1])
		}
	}
}
