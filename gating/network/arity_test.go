package network

import (
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestTooManyInputs checks that inputs an operator does not have are refused, and empty ones are not.
func TestTooManyInputs(t *testing.T) {
	x := optest.RandomTensor(1, 2)
	if _, err := runModel(optest.Case{Op: "Relu", Opset: 14,
		Inputs: []*op.Tensor{x, x}}); !errors.Is(err, onnx.ErrInvalid) {
		t.Errorf("got %v, want an error of kind ErrInvalid", err)
	}
	if _, err := runModel(optest.Case{Op: "Relu", Opset: 14, Inputs: []*op.Tensor{x, nil}}); err != nil {
		t.Error(err)
	}
}
