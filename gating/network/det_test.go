package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestDetGradients(t *testing.T) {
	for _, s := range [][]int{{1, 1}, {2, 2}, {5, 5}, {2, 3, 3}, {2, 1, 4, 4}, {0, 0}, {0, 2, 2}} {
		optest.CheckGradients(t,
			optest.Case{Op: "Det", Opset: 11, Inputs: []*op.Tensor{optest.RandomTensor(3, s...)}, Wrt: []int{0}})
	}
	singular := optest.Floats([]int{2, 2}, 1, 2, 2, 4)
	optest.CheckGradients(t, optest.Case{Op: "Det", Opset: 11, Inputs: []*op.Tensor{singular}, Wrt: []int{0}})
	optest.CheckRefusals(t,
		[]optest.Refusal{{Op: "Det", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3)}, Says: "square"}})
}

// TestFusedAgainstORT holds ONNX Runtime's matrix operators and linear maps with moved batch axes against it.
func TestFusedAgainstORT(t *testing.T) {
	server := startORT(t)
	if server == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for seed := range uint64(8) {
		d := newDraw(seed)
		moved := optest.Case{Op: "FusedMatMul", Domain: "com.microsoft", Opset: 1, Attrs: append(d.flag("transB"),
			optest.IntAttr("transBatchA", 1), optest.IntAttr("transBatchB", 1), optest.FloatAttr("alpha", 0.5)),
			Inputs: []*op.Tensor{d.tensor(4, 2, 3), d.tensor(3, 2, 3)}}
		distance := d.aDistance()
		distance.Inputs[0] = d.tensor(2, distance.Inputs[1].Shape[1])
		inverse := d.anInverse()
		if inverse.Inputs[0].Len() == 0 {
			inverse.Inputs[0] = floatTensor([]int{1, 1}, 4)
		}
		for _, c := range []optest.Case{moved, distance, inverse} {
			t.Run(c.Op, func(t *testing.T) { server.modelAgainstORT(t, c) })
		}
	}
	singular := optest.Case{Op: "Inverse", Domain: "com.microsoft", Opset: 1,
		Inputs: []*op.Tensor{floatTensor([]int{2, 2}, 1, 2, 2, 4)}}
	if _, err := runModel(singular); !isKind(err, op.ErrShape) {
		t.Errorf("got %v, want an error about a singular matrix", err)
	}
}
