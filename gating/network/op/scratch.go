package op

import "slices"

// Resize returns scratch memory of n elements with any content, reusing m where it is large enough.
func Resize[T any](m []T, n int) []T { return slices.Grow(m[:0], n)[:n] }

// FloatScratch returns n elements of memory that lives as long as the operator.
func FloatScratch(scratch *[]float32, n int) []float32 {
	if len(*scratch) < n {
		*scratch = make([]float32, n)
	}
	return (*scratch)[:n]
}

// FillAll sets every element.
func FillAll(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}
