package network

import "slices"

// resize returns scratch memory of n elements with any content, reusing m where it is large enough.
func resize[T any](m []T, n int) []T { return slices.Grow(m[:0], n)[:n] }

// floatScratch returns n elements of memory that lives as long as the operator.
func floatScratch(scratch *[]float32, n int) []float32 {
	if len(*scratch) < n {
		*scratch = make([]float32, n)
	}
	return (*scratch)[:n]
}

func fillAll(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}
