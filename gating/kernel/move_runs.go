package kernel

// CopyBlocks copies count blocks of n elements each: block b from src[b*srcStep:] to dst[b*dstStep:]. It is one
// input of a concatenation or one output of a split, with all axes before the joined one folded into count and all
// axes behind it into n.
func CopyBlocks[T any](w *Workers, dst []T, dstStep int, src []T, srcStep, count, n int) {
	if n == 0 || count == 0 {
		return
	}
	w.For(count, max(1, copyGrain/n), func(lo, hi int) {
		for b := lo; b < hi; b++ {
			copy(dst[b*dstStep:b*dstStep+n], src[b*srcStep:b*srcStep+n])
		}
	})
}

// copyGrain is how many elements of a plain copy are worth a goroutine of their own.
const copyGrain = 1 << 14

// GatherRuns copies len(at) runs of n elements each: run i from src[at[i]:] to dst[i*n:].
func GatherRuns[T any](w *Workers, dst, src []T, at []int, n int) {
	if n == 0 {
		return
	}
	w.For(len(at), max(1, copyGrain/n), func(lo, hi int) {
		if n == 1 {
			for i := lo; i < hi; i++ {
				dst[i] = src[at[i]]
			}
			return
		}
		for i := lo; i < hi; i++ {
			copy(dst[i*n:(i+1)*n], src[at[i]:at[i]+n])
		}
	})
}

// ScatterRuns copies len(at) runs of n elements each, in order: run i from src[i*n:] to dst[at[i]:]. Where runs
// meet, the last one stays.
func ScatterRuns[T any](dst, src []T, at []int, n int) {
	for i, to := range at {
		copy(dst[to:to+n], src[i*n:(i+1)*n])
	}
}

// ScatterAddRuns adds len(at) runs of n elements each: run i of src to dst[at[i]:]. It is the adjoint of
// GatherRuns. Workers share the columns of the runs, never the order in which they are added.
func ScatterAddRuns(w *Workers, dst, src []float32, at []int, n int) {
	if n == 1 {
		for i, to := range at {
			dst[to] += src[i]
		}
		return
	}
	w.For(n, max(16, copyGrain/max(1, len(at))), func(lo, hi int) {
		for i, to := range at {
			from, sum := src[i*n+lo:i*n+hi], dst[to+lo:to+hi]
			for k, v := range from {
				sum[k] += v
			}
		}
	})
}
