package network

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestLayerNormGradients(t *testing.T) {
	for _, x := range [][]int{{3, 5}, {2, 3, 7}, {2, 2, 3, 4}, {1, 1, 6}, {40, 3}, {2, 3, 1}, {0, 4}} {
		for axis := -1; axis < len(x); axis++ {
			at := (axis + len(x)) % len(x)
			scale := x[at:]
			c := optest.Case{Op: "LayerNormalization", Opset: 17,
				Attrs: optest.Attrs{optest.IntAttr("axis", int64(axis)), optest.FloatAttr("epsilon", 0.1)},
				Inputs: []*op.Tensor{optest.RandomTensor(1, x...), optest.RandomTensor(2, scale...),
					optest.RandomTensor(3, scale...)},
				Wrt: []int{0, 1, 2}, Outputs: 3}
			optest.CheckGradients(t, c)
			c.Inputs, c.Wrt, c.Outputs = c.Inputs[:2], c.Wrt[:2], 2
			optest.CheckGradients(t, c)
			c.Op, c.Opset = "RMSNormalization", 23
			optest.CheckGradients(t, c)
		}
	}
}

func TestInstanceNormGradients(t *testing.T) {
	for _, x := range [][]int{{2, 3, 5}, {1, 4, 3, 2}, {3, 1, 2, 2, 2}} {
		in := []*op.Tensor{optest.RandomTensor(1, x...), optest.RandomTensor(2, x[1]), optest.RandomTensor(3, x[1])}
		optest.CheckGradients(t,
			optest.Case{Op: "InstanceNormalization", Opset: 6, Attrs: optest.Attrs{optest.FloatAttr("epsilon", 0.1)},
				Inputs: in, Wrt: []int{0, 1, 2}, Step: 3e-3})
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
				in := []*op.Tensor{optest.RandomTensor(1, x...),
					optest.RandomTensor(2, params), optest.RandomTensor(3, params)}
				optest.CheckGradients(t, optest.Case{Op: "GroupNormalization", Opset: opset,
					Attrs:  optest.Attrs{optest.FloatAttr("epsilon", 0.1), optest.IntAttr("num_groups", int64(groups))},
					Inputs: in, Wrt: []int{0, 1, 2}, Step: 3e-3})
			}
		}
	}
}

func TestNormRefusals(t *testing.T) {
	x, c3 := optest.RandomTensor(1, 2, 3, 4), optest.RandomTensor(1, 3)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "LayerNormalization", Opset: 17, Attrs: nil, Inputs: []*op.Tensor{x}, Says: "input 1 is missing"},
		{Op: "LayerNormalization", Opset: 17, Attrs: nil, Inputs: []*op.Tensor{x, c3},
			Says: "input 1 has shape [3], want [4]"},
		{Op: "LayerNormalization", Opset: 17, Attrs: optest.Attrs{optest.IntAttr("axis", 3)},
			Inputs: []*op.Tensor{x, c3}, Says: "axis 3"},
		{Op: "InstanceNormalization", Opset: 6, Attrs: nil, Inputs: []*op.Tensor{x, c3, optest.RandomTensor(1, 4)},
			Says: "input 2 has shape [4], want [3]"},
		{Op: "InstanceNormalization", Opset: 6, Attrs: nil,
			Inputs: []*op.Tensor{c3, c3, c3}, Says: "batch and channels"},
		{Op: "GroupNormalization", Opset: 21, Attrs: nil, Inputs: []*op.Tensor{x, c3, c3}, Says: "num_groups is 0"},
		{Op: "GroupNormalization", Opset: 21, Attrs: optest.Attrs{optest.IntAttr("num_groups", 2)},
			Inputs: []*op.Tensor{x, c3, c3}, Says: "num_groups is 2"},
		{Op: "GroupNormalization", Opset: 21, Attrs: optest.Attrs{optest.IntAttr("num_groups", 1)},
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 1), c3},
			Says:   "input 1 has shape [1], want [3]"},
	})
}

// TestNormExtremes: huge, tiny and equal elements give finite results and gradients.
func TestNormExtremes(t *testing.T) {
	x := optest.Floats([]int{4, 4}, 1e18, -2e18, 3e18, 0, 1e-30, 2e-30, 0, 0, 5, 5, 5, 5, 1e6, 1e6+1, 1e6-1, 1e6)
	for _, operator := range []string{"LayerNormalization", "RMSNormalization", "LpNormalization"} {
		c := optest.Case{Op: operator, Opset: 23, Inputs: []*op.Tensor{x, optest.RandomTensor(1, 4)}}
		if operator == "LpNormalization" {
			c.Inputs = c.Inputs[:1]
		}
		for i, v := range append(optest.BackwardOf(t, c), optest.ForwardOf(t, c).F...) {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				t.Errorf("%s: result %d is %g", operator, i, f)
			}
		}
	}
	// A large mean must not drown the deviation: 0, 1, -1, 0 over its root of 1/2.
	y := optest.ForwardOf(t, optest.Case{Op: "LayerNormalization", Opset: 17,
		Inputs: []*op.Tensor{x, optest.Floats([]int{4}, 1, 1, 1, 1)}}).F[12:]
	for i, want := range []float64{0, math.Sqrt2, -math.Sqrt2, 0} {
		if math.Abs(float64(y[i])-want) > 1e-4 {
			t.Errorf("element %d is %g, want %g", i, y[i], want)
		}
	}
}

// TestRepeatedScale: scale and bias may be smaller than what is normalised.
func TestRepeatedScale(t *testing.T) {
	x, scale, bias := optest.RandomTensor(1, 2, 3, 4), optest.RandomTensor(2, 3, 1), optest.RandomTensor(3, 4)
	full := func(t *op.Tensor, at func(r, c int) int) *op.Tensor {
		f := op.NewTensor(op.Spec{Type: t.Type, Shape: []int{3, 4}})
		for i := range f.F {
			f.F[i] = t.F[at(i/4, i%4)]
		}
		return f
	}
	c := optest.Case{Op: "LayerNormalization", Opset: 17, Attrs: optest.Attrs{optest.IntAttr("axis", 1)},
		Inputs: []*op.Tensor{x, scale, bias}, Outputs: 3, Wrt: []int{0, 1, 2}}
	got, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	checkWhole(t, c)
	c.Inputs = []*op.Tensor{x, full(scale, func(r, _ int) int { return r }),
		full(bias, func(_, c int) int { return c })}
	want, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	for k := range want {
		if err := optest.Compare(got[k], want[k], 1e-6, 1e-6); err != nil {
			t.Errorf("output %d: %v", k, err)
		}
	}
	c.Inputs[1] = optest.RandomTensor(2, 2, 4)
	expectError(t, "no fit", c, op.ErrShape)
	c.Inputs[1] = optest.RandomTensor(2, 2, 3, 4)
	expectError(t, "too much", c, op.ErrShape)
}
