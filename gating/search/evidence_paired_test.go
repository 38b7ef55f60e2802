package search

import "testing"

// One way may have been tried on more samples than another: the first of them are compared.
func TestPairedOfUnequalLengths(t *testing.T) {
	a, b := []float64{1, 3, 2, 9}, []float64{0, 1, 2}
	if got, want := paired(a, b), paired(a[:3], b); got != want || got == 0 {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := paired(b, a), -paired(a, b); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
