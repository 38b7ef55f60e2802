package network

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

func TestLayerNormGradients(t *testing.T) {
	for _, x := range [][]int{{3, 5}, {2, 3, 7}, {2, 2, 3, 4}, {1, 1, 6}, {40, 3}, {2, 3, 1}, {0, 4}} {
		for axis := -1; axis < len(x); axis++ {
			at := (axis + len(x)) % len(x)
			scale := x[at:]
			c := gradCase{op: "LayerNormalization", opset: 17,
				attrs:  attrs{intAttr("axis", int64(axis)), floatAttr("epsilon", 0.1)},
				inputs: []*op.Tensor{randomTensor(1, x...), randomTensor(2, scale...), randomTensor(3, scale...)},
				wrt:    []int{0, 1, 2}, outputs: 3}
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
		in := []*op.Tensor{randomTensor(1, x...), randomTensor(2, x[1]), randomTensor(3, x[1])}
		checkGradients(t, gradCase{op: "InstanceNormalization", opset: 6, attrs: attrs{floatAttr("epsilon", 0.1)},
			inputs: in, wrt: []int{0, 1, 2}, step: 3e-3})
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
				in := []*op.Tensor{randomTensor(1, x...), randomTensor(2, params), randomTensor(3, params)}
				checkGradients(t, gradCase{op: "GroupNormalization", opset: opset,
					attrs:  attrs{floatAttr("epsilon", 0.1), intAttr("num_groups", int64(groups))},
					inputs: in, wrt: []int{0, 1, 2}, step: 3e-3})
			}
		}
	}
}

func TestNormRefusals(t *testing.T) {
	x, c3 := randomTensor(1, 2, 3, 4), randomTensor(1, 3)
	checkRefusals(t, []refusal{
		{"LayerNormalization", 17, nil, []*op.Tensor{x}, "input 1 is missing"},
		{"LayerNormalization", 17, nil, []*op.Tensor{x, c3}, "input 1 has shape [3], want [4]"},
		{"LayerNormalization", 17, attrs{intAttr("axis", 3)}, []*op.Tensor{x, c3}, "axis 3"},
		{"InstanceNormalization", 6, nil, []*op.Tensor{x, c3, randomTensor(1, 4)}, "input 2 has shape [4], want [3]"},
		{"InstanceNormalization", 6, nil, []*op.Tensor{c3, c3, c3}, "batch and channels"},
		{"GroupNormalization", 21, nil, []*op.Tensor{x, c3, c3}, "num_groups is 0"},
		{"GroupNormalization", 21, attrs{intAttr("num_groups", 2)}, []*op.Tensor{x, c3, c3}, "num_groups is 2"},
		{"GroupNormalization", 21, attrs{intAttr("num_groups", 1)}, []*op.Tensor{x, randomTensor(1, 1), c3},
			"input 1 has shape [1], want [3]"},
	})
}

// TestNormExtremes: huge, tiny and equal elements give finite results and gradients.
func TestNormExtremes(t *testing.T) {
	x := floatsTensor([]int{4, 4}, 1e18, -2e18, 3e18, 0, 1e-30, 2e-30, 0, 0, 5, 5, 5, 5, 1e6, 1e6+1, 1e6-1, 1e6)
	for _, operator := range []string{"LayerNormalization", "RMSNormalization", "LpNormalization"} {
		c := gradCase{op: operator, opset: 23, inputs: []*op.Tensor{x, randomTensor(1, 4)}}
		if operator == "LpNormalization" {
			c.inputs = c.inputs[:1]
		}
		for i, v := range append(backwardOf(t, c), forwardOf(t, c).F...) {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				t.Errorf("%s: result %d is %g", operator, i, f)
			}
		}
	}
	// A large mean must not drown the deviation: 0, 1, -1, 0 over its root of 1/2.
	y := forwardOf(t, gradCase{op: "LayerNormalization", opset: 17,
		inputs: []*op.Tensor{x, floatsTensor([]int{4}, 1, 1, 1, 1)}}).F[12:]
	for i, want := range []float64{0, math.Sqrt2, -math.Sqrt2, 0} {
		if math.Abs(float64(y[i])-want) > 1e-4 {
			t.Errorf("element %d is %g, want %g", i, y[i], want)
		}
	}
}

// TestRepeatedScale: scale and bias may be smaller than what is normalised.
func TestRepeatedScale(t *testing.T) {
	x, scale, bias := randomTensor(1, 2, 3, 4), randomTensor(2, 3, 1), randomTensor(3, 4)
	full := func(t *op.Tensor, at func(r, c int) int) *op.Tensor {
		f := op.NewTensor(op.Spec{Type: t.Type, Shape: []int{3, 4}})
		for i := range f.F {
			f.F[i] = t.F[at(i/4, i%4)]
		}
		return f
	}
	c := gradCase{op: "LayerNormalization", opset: 17, attrs: attrs{intAttr("axis", 1)},
		inputs: []*op.Tensor{x, scale, bias}, outputs: 3, wrt: []int{0, 1, 2}}
	got, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	checkWhole(t, c)
	c.inputs = []*op.Tensor{x, full(scale, func(r, _ int) int { return r }),
		full(bias, func(_, c int) int { return c })}
	want, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	for k := range want {
		if err := compare(got[k], want[k], 1e-6, 1e-6); err != nil {
			t.Errorf("output %d: %v", k, err)
		}
	}
	c.inputs[1] = randomTensor(2, 2, 4)
	expectError(t, "no fit", c, op.ErrShape)
	c.inputs[1] = randomTensor(2, 2, 3, 4)
	expectError(t, "too much", c, op.ErrShape)
}
