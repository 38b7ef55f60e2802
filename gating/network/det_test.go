package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

func TestDetGradients(t *testing.T) {
	for _, s := range [][]int{{1, 1}, {2, 2}, {5, 5}, {2, 3, 3}, {2, 1, 4, 4}, {0, 0}, {0, 2, 2}} {
		checkGradients(t, gradCase{op: "Det", opset: 11, inputs: []*op.Tensor{randomTensor(3, s...)}, wrt: []int{0}})
	}
	singular := floatsTensor([]int{2, 2}, 1, 2, 2, 4)
	checkGradients(t, gradCase{op: "Det", opset: 11, inputs: []*op.Tensor{singular}, wrt: []int{0}})
	checkRefusals(t, []refusal{{"Det", 11, nil, []*op.Tensor{randomTensor(1, 2, 3)}, "square"}})
}

// TestFusedAgainstORT holds ONNX Runtime's matrix operators and linear maps with moved batch axes against it.
func TestFusedAgainstORT(t *testing.T) {
	server := startORT(t)
	if server == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for seed := range uint64(8) {
		d := newDraw(seed)
		moved := gradCase{op: "FusedMatMul", domain: "com.microsoft", opset: 1, attrs: append(d.flag("transB"),
			intAttr("transBatchA", 1), intAttr("transBatchB", 1), floatAttr("alpha", 0.5)),
			inputs: []*op.Tensor{d.tensor(4, 2, 3), d.tensor(3, 2, 3)}}
		distance := d.aDistance()
		distance.inputs[0] = d.tensor(2, distance.inputs[1].Shape[1])
		inverse := d.anInverse()
		if inverse.inputs[0].Len() == 0 {
			inverse.inputs[0] = floatTensor([]int{1, 1}, 4)
		}
		for _, c := range []gradCase{moved, distance, inverse} {
			t.Run(c.op, func(t *testing.T) { server.modelAgainstORT(t, c) })
		}
	}
	singular := gradCase{op: "Inverse", domain: "com.microsoft", opset: 1,
		inputs: []*op.Tensor{floatTensor([]int{2, 2}, 1, 2, 2, 4)}}
	if _, err := runModel(singular); !isKind(err, op.ErrShape) {
		t.Errorf("got %v, want an error about a singular matrix", err)
	}
}
