package network

import "testing"

func TestLayerNormGradients(t *testing.T) {
	for _, x := range [][]int{{3, 5}, {2, 3, 7}, {2, 2, 3, 4}, {1, 1, 6}, {40, 3}, {2, 3, 1}, {0, 4}} {
		for axis := -1; axis < len(x); axis++ {
			at := (axis + len(x)) % len(x)
			scale := x[at:]
			c := gradCase{op: "LayerNormalization", opset: 17, attrs: attrs{intAttr("axis", int64(axis)), floatAttr("epsilon", 0.1)},
				inputs: []*Tensor{randomTensor(1, x...), randomTensor(2, scale...), randomTensor(3, scale...)}, wrt: []int{0, 1, 2}, outputs: 3}
			checkGradients(t, c)
			c.inputs, c.wrt, c.outputs = c.inputs[:2], c.wrt[:2], 2
			checkGradients(t, c)
			c.op, c.opset = "RMSNormalization", 23
			checkGradients(t, c)
		}
	}
}

func TestInstanceNormGradients(t *testing.T) {
	for _, x := range [][]int{{2, 3, 5}, {1, 4, 3, 2}, {3, 1, 2, 2, 2}} {
		in := []*Tensor{randomTensor(1, x...), randomTensor(2, x[1]), randomTensor(3, x[1])}
		checkGradients(t, gradCase{op: "InstanceNormalization", opset: 6, attrs: attrs{floatAttr("epsilon", 0.1)}, inputs: in, wrt: []int{0, 1, 2}, step: 3e-3})
	}
}

func TestGroupNormGradients(t *testing.T) {
	for _, x := range [][]int{{2, 6, 5}, {1, 6, 3, 2}, {3, 6}, {2, 6, 1, 1}} {
		for _, groups := range []int{1, 2, 3} {
			for _, opset := range []int64{18, 21} {
				params := groups
				if opset == 21 {
					params = 6
				}
				in := []*Tensor{randomTensor(1, x...), randomTensor(2, params), randomTensor(3, params)}
				checkGradients(t, gradCase{op: "GroupNormalization", opset: opset, attrs: attrs{floatAttr("epsilon", 0.1), intAttr("num_groups", int64(groups))},
					inputs: in, wrt: []int{0, 1, 2}, step: 3e-3})
			}
		}
	}
}

func TestNormRefusals(t *testing.T) {
	x, c3 := randomTensor(1, 2, 3, 4), randomTensor(1, 3)
	checkRefusals(t, []refusal{
		{"LayerNormalization", 17, nil, []*Tensor{x}, "input 1 is missing"},
		{"LayerNormalization", 17, nil, []*Tensor{x, c3}, "input 1 has shape [3], want [4]"},
		{"LayerNormalization", 17, attrs{intAttr("axis", 3)}, []*Tensor{x, c3}, "axis 3"},
		{"InstanceNormalization", 6, nil, []*Tensor{x, c3, randomTensor(1, 4)}, "input 2 has shape [4], want [3]"},
		{"InstanceNormalization", 6, nil, []*Tensor{c3, c3, c3}, "batch and channels"},
		{"GroupNormalization", 21, nil, []*Tensor{x, c3, c3}, "num_groups is 0"},
		{"GroupNormalization", 21, attrs{intAttr("num_groups", 2)}, []*Tensor{x, c3, c3}, "num_groups is 2"},
		{"GroupNormalization", 21, attrs{intAttr("num_groups", 1)}, []*Tensor{x, randomTensor(1, 1), c3}, "input 1 has shape [1], want [3]"},
	})
}
