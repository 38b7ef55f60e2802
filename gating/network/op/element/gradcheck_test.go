package element_test

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestReluGradient(t *testing.T) {
	optest.CheckGradients(t,
		optest.Case{Op: "Relu", Opset: 14,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 3, 5)}, Wrt: []int{0}, Step: 1e-4})
}
