package table

import (
	"slices"
	"testing"
)

// TestMostInputs checks that every operator has a bound on its inputs, or is known to have none.
func TestMostInputs(t *testing.T) {
	any := []string{"Concat", "Einsum", "Max", "Mean", "Min", "Sum"}
	for name := range Forms {
		if _, ok := mostInputs[name]; ok == slices.Contains(any, name) {
			t.Errorf("%s: bounded is %v", name, ok)
		}
	}
}
