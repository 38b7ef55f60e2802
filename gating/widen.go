package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// probeRuns is how many runs of the exported batch size a wider batch is compared with.
const probeRuns = 3

// widens says whether a graph exported for a fixed batch size computes the same
// for every sample when it is run on more of them at once, which is many times
// faster. It is tried out on the first samples of the data: a graph with the batch
// size written into a Reshape does not lower, one that mixes samples differs.
func widens(m *onnx.Model, d *dataset.Data, output string, fixed, batch int, w *kernel.Workers) bool {
	narrow := bareForward(m, d, output, fixed, w)
	narrow.fixed, narrow.sizes = true, []int{fixed}
	wide := bareForward(m, d, output, batch, w)
	wide.sizes = []int{batch}
	return sameRows(narrow, wide)
}

// sameRows compares the output of the first samples, computed in narrow and in one wide run.
func sameRows(narrow, wide *forward) bool {
	rows := make([]int, wide.batch)
	for i := range rows {
		rows[i] = i
	}
	all, err := wide.run(rows, nil)
	if err != nil {
		return false
	}
	size := all.Len() / wide.batch
	for lo := 0; lo < min(probeRuns*narrow.batch, wide.batch); lo += narrow.batch {
		hi := min(lo+narrow.batch, wide.batch)
		part, err := narrow.run(rows[lo:hi], nil)
		if err != nil || !close32(part.F, all.F[lo*size:hi*size]) {
			return false
		}
	}
	return true
}

// close32 compares relative to the largest number, which rounding errors go with.
func close32(a, b []float32) bool { return within(a, b, 1e-5) }

// within compares relative to the largest number of b.
func within(a, b []float32, tolerance float64) bool {
	if len(a) != len(b) {
		return false
	}
	var scale, diff float64
	for i := range a {
		scale = math.Max(scale, math.Abs(float64(b[i])))
		diff = math.Max(diff, math.Abs(float64(a[i])-float64(b[i])))
	}
	return diff <= tolerance*math.Max(scale, 1e-3)
}
