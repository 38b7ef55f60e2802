package network

import (
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestMostInputs checks that every operator has a bound on its inputs, or is known to have none.
func TestMostInputs(t *testing.T) {
	any := []string{"Concat", "Einsum", "Max", "Mean", "Min", "Sum"}
	for _, s := range Operators() {
		if _, ok := mostInputs[s.Op]; expansions[s.Op].expand == nil && ok == slices.Contains(any, s.Op) {
			t.Errorf("%s: bounded is %v", s.Op, ok)
		}
	}
}

// TestTooManyInputs checks that inputs an operator does not have are refused, and empty ones are not.
func TestTooManyInputs(t *testing.T) {
	x := randomTensor(1, 2)
	if _, err := runModel(gradCase{op: "Relu", opset: 14, inputs: []*Tensor{x, x}}); !errors.Is(err, onnx.ErrInvalid) {
		t.Errorf("got %v, want an error of kind ErrInvalid", err)
	}
	if _, err := runModel(gradCase{op: "Relu", opset: 14, inputs: []*Tensor{x, nil}}); err != nil {
		t.Error(err)
	}
}
