package gating

import "math"

// probeRuns is how many runs of the exported batch size a wider batch is compared with.
const probeRuns = 3

// rebatch settles how many samples go at once through a graph that was exported
// for exactly n: any number where it computes the same for every sample as it
// stands, always as many where shapes written into it have to grow with them,
// else n. More at once is many times faster.
func (f *forward) rebatch(n int) {
	wide := min(f.batch, f.parts[0].Len())
	if n < wide && f.rebatches(n, wide, 1) {
		return
	}
	f.fixed = true
	if times := wide / n; times > 1 && len(f.parts) == 1 && f.rebatches(n, n*times, times) {
		f.batch, f.config.Rebatch = n*times, times
		return
	}
	f.batch = n
}

// rebatches says whether the graph computes the same for every sample when it is run
// on batch samples at once instead of n. It is tried out on the first samples of
// the data: a graph with the batch size written into a Reshape does not lower
// unless that is stretched, one that mixes samples differs.
func (f *forward) rebatches(n, batch, stretch int) bool {
	e := f.evaluator.over(f.parts[0])
	narrow, err := e.bareForward(f.model, n)
	if err != nil {
		return false
	}
	narrow.fixed, narrow.sizes = true, []int{n}
	wide, err := e.bareForward(f.model, batch)
	if err != nil {
		return false
	}
	wide.sizes, wide.config.Rebatch = []int{batch}, stretch
	return sameRows(narrow, wide)
}

// sameRows compares the outputs of the first samples, computed in narrow and in one wide run.
func sameRows(narrow, wide *forward) bool {
	rows := make([]int, wide.batch)
	for i := range rows {
		rows[i] = i
	}
	all, err := wide.raw(rows, Coefficients{})
	if err != nil {
		return false
	}
	for lo := 0; lo < min(probeRuns*narrow.batch, wide.batch); lo += narrow.batch {
		hi := min(lo+narrow.batch, wide.batch)
		part, err := narrow.raw(rows[lo:hi], Coefficients{})
		if err != nil {
			return false
		}
		for i, out := range all {
			size := out.Len() / wide.batch
			if !close32(part[i].F, out.F[lo*size:hi*size]) {
				return false
			}
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
