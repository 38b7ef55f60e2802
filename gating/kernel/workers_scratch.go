package kernel

import "sync"

// scratch is the temporary memory of one goroutine inside one kernel. Its slices only grow; a slice stays valid until
// the same field is asked for again.
type scratch struct {
	left, right, padded, tile []float32
	rows, cols, at            []int
	leftRows, leftCols        []int
	transposedRows            []int
	transposed, sums          []float32
	partial                   []float64
	dense                     []int
	segments                  []segment
	taps                      []int32
	moves                     [][2]int
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch  { return scratches.Get().(*scratch) }
func (s *scratch) release() { scratches.Put(s) }

// resize returns *s with length n, reallocated when it is too short. Its content is undefined. Blocks of more than 32
// KiB lie on page bounds in Go, so the smallest one is that large: vectors then do not straddle cache lines.
func resize[T any](s *[]T, n int) []T {
	const smallest = 1 << 14
	if cap(*s) < n {
		*s = make([]T, max(n, smallest))
	}
	return (*s)[:n]
}
