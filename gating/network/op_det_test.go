package network

import "testing"

func TestDetGradients(t *testing.T) {
	for _, s := range [][]int{{1, 1}, {2, 2}, {5, 5}, {2, 3, 3}, {2, 1, 4, 4}, {0, 0}, {0, 2, 2}} {
		checkGradients(t, gradCase{op: "Det", opset: 11, inputs: []*Tensor{randomTensor(3, s...)}, wrt: []int{0}})
	}
	singular := floatsTensor([]int{2, 2}, 1, 2, 2, 4)
	checkGradients(t, gradCase{op: "Det", opset: 11, inputs: []*Tensor{singular}, wrt: []int{0}})
	checkRefusals(t, []refusal{{"Det", 11, nil, []*Tensor{randomTensor(1, 2, 3)}, "square"}})
}
