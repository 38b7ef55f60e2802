package gating

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// TestGatherUnits takes numbers by hand: all of them in order where there is room,
// else the same spread places for every unit.
func TestGatherUnits(t *testing.T) {
	x := &network.Tensor{Type: onnx.Float32, Shape: []int{2, 3, 4}, F: make([]float32, 24)}
	for i := range x.F {
		x.F[i] = float32(i)
	}
	rows := make([][]float32, 2)
	gatherUnits(rows, x, 1, 1, 8)
	if want := []float32{8, 9, 10, 11, 20, 21, 22, 23}; !slices.Equal(rows[1], want) {
		t.Errorf("all: %v, want %v", rows[1], want)
	}
	few := make([][]float32, 2)
	gatherUnits(few, x, 1, 1, 3)
	for i := range few[0] {
		if !slices.Contains(rows[0], few[0][i]) || few[1][i]-few[0][i] != 4 || slices.Contains(few[0][:i], few[0][i]) {
			t.Errorf("spread: %v and %v, want three different places, the same of both units", few[0], few[1])
		}
	}
	if gatherUnits(few, x, 1, 1, 3); len(few[0]) != 6 {
		t.Errorf("%d numbers after two batches, want 6", len(few[0]))
	}
}

// TestStandardised: mean 0 and deviation 1, and a unit that never varies is 0 throughout.
func TestStandardised(t *testing.T) {
	got := standardised([][]float32{{1, 3, 1, 3}, {7, 7, 7, 7}})
	for i, want := range []float64{-1, 1, -1, 1, 0, 0, 0, 0} {
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("number %d is %g, want %g", i, got[i], want)
		}
	}
}

// TestObservationsAreBounded: a graph that takes one sample at a time shows a unit
// many times over, of which no more is kept than of full batches.
func TestObservationsAreBounded(t *testing.T) {
	for _, c := range []struct{ samples, size, want int }{
		{256, 64, 1024}, {200, 64, 1024}, {40, 40, 1024}, {256, 1, 16}, {256, 8, 128}, {3, 1, 1024}, {2, 4, 1024},
	} {
		f := &forward{data: gatetest.Samples(1, c.samples, 2), sizes: []int{c.size}}
		got, err := (&correlator{}).observations(&observer{forward: f}, 0)
		if err != nil || got != c.want {
			t.Errorf("%d samples, %d at once: %d (%v), want %d", c.samples, c.size, got, err, c.want)
		}
	}
}

// TestActivationsOfDifferentBatches: what a graph for two samples at a time shows
// cannot be compared, place by place, with what one for any number shows.
func TestActivationsOfDifferentBatches(t *testing.T) {
	d := gatetest.Samples(5, 32, 3, 4)
	for batch, fits := range map[int64]bool{-1: true, 2: false} {
		a := gatetest.Must(graphmatch.Align([]*onnx.Model{hiddenNet(t, -1, 1), hiddenNet(t, batch, 2)}, 0))(t)
		c := gatetest.Must(newCorrelator(t.Context(), a, unlabelled(d, "y", 64)))(t)
		_, err := c.of(t.Context(), 1)
		if fits != (err == nil) || !fits && (!errors.Is(err, graphmatch.ErrAlign) ||
			!strings.Contains(err.Error(), "2 samples at once, the base 32")) {
			t.Errorf("batch %d: %v", batch, err)
		}
	}
}

// hiddenNet has hidden units that may be reordered. batch is -1 for any; a number
// makes a net that mixes the samples of a run, so that no more can be run at once.
func hiddenNet(t testing.TB, batch int64, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", batch, 3, 4)
	b.Weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.Weight(t, "w2", onnx.Float32, seed+100, 6, 3)
	b.Node("MatMul", "h", []string{"x", "w1"})
	b.Node("Relu", "r", []string{"h"})
	last := "r"
	if batch > 0 {
		b.Node("ReduceMean", "mean", []string{"r"}, gatetest.Ints("axes", 0))
		b.Node("Add", "mixed", []string{"r", "mean"})
		last = "mixed"
	}
	b.Node("MatMul", "y", []string{last, "w2"})
	b.Out("y")
	return b.Model(t)
}
