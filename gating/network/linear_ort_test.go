package network

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestLinearAgainstRuntime holds forward passes against ONNX Runtime over geometries drawn at random, where
// ORT_NODE_MODULES names a folder that has it. Gradients follow from forward passes by differences.
func TestLinearAgainstRuntime(t *testing.T) {
	s := startORT(t)
	if s == nil {
		t.Skip("ORT_NODE_MODULES does not name a folder with ONNX Runtime")
	}
	r := rand.New(rand.NewPCG(31, 32))
	var cases []optest.Case
	for i := range 30 {
		cases = append(cases, convolutions(r, 1+i%2)...)
		cases = append(cases, pools(r, 1+i%3)...)
	}
	cases = append(cases, products()...)
	cases = append(cases, normalisations()...)
	cases = append(cases, foldings()...)
	for _, c := range cases {
		t.Run(fmt.Sprint(c.Op, c.Opset), func(t *testing.T) {
			s.againstORT(t, c)
			if t.Failed() {
				for _, v := range c.Inputs {
					t.Log(v.Spec())
				}
				t.Log(c.Attrs)
			}
		})
	}
}

// without returns the attributes but for the named ones.
func without(list optest.Attrs, names ...string) (kept optest.Attrs) {
	for _, a := range list {
		drop := false
		for _, n := range names {
			drop = drop || a.GetName() == n
		}
		if !drop {
			kept = append(kept, a)
		}
	}
	return kept
}

// usual leaves out dilations where auto_pad is given: ONNX Runtime refuses both together.
func usual(list optest.Attrs) optest.Attrs {
	for _, a := range list {
		if a.GetName() == "auto_pad" {
			return without(list, "dilations")
		}
	}
	return list
}

func convolutions(r *rand.Rand, axes int) []optest.Case {
	list, x, w := optest.ConvCase(r, axes)
	cases := []optest.Case{
		{Op: "Conv", Opset: 11, Attrs: usual(list),
			Inputs: []*op.Tensor{optest.RandomTensor(1, x...),
				optest.RandomTensor(2, w...), optest.RandomTensor(3, w[0])}},
		{Op: "ConvInteger", Opset: 10, Attrs: usual(list),
			Inputs: []*op.Tensor{optest.BytesTensor(r, onnx.Uint8, x...), optest.BytesTensor(r, onnx.Uint8, w...)}},
	}
	list, x, w = optest.TransposeCase(r, axes)
	group := int(list[0].GetI())
	return append(cases, optest.Case{Op: "ConvTranspose", Opset: 11, Attrs: list,
		Inputs: []*op.Tensor{optest.RandomTensor(1, x...), optest.RandomTensor(2, w...),
			optest.RandomTensor(3, w[1]*group)}})
}

func pools(r *rand.Rand, axes int) []optest.Case {
	list, x := optest.PoolCase(r, axes)
	if kept := usual(list); len(kept) < len(list) {
		list = without(kept, "ceil_mode")
	}
	in := []*op.Tensor{optest.RandomTensor(4, x...)}
	return []optest.Case{
		{Op: "MaxPool", Opset: 12,
			Attrs: append(optest.Attrs{optest.IntAttr("storage_order", int64(r.IntN(2)))}, list...), Inputs: in,
			Outputs: 2},
		{Op: "MaxPool", Opset: 12, Attrs: list, Inputs: []*op.Tensor{optest.BytesTensor(r, onnx.Uint8, x...)}},
		{Op: "AveragePool", Opset: 19,
			Attrs: append(optest.Attrs{optest.IntAttr("count_include_pad", int64(r.IntN(2)))}, list...), Inputs: in},
		{Op: "LpPool", Opset: 18,
			Attrs: append(optest.Attrs{optest.IntAttr("p", int64(1+r.IntN(3)))}, list...), Inputs: in},
		{Op: "GlobalMaxPool", Opset: 1, Inputs: in}, {Op: "GlobalAveragePool", Opset: 1, Inputs: in},
		{Op: "GlobalLpPool", Opset: 2, Inputs: in},
	}
}

func products() (cases []optest.Case) {
	for _, c := range [][]int{{3, 5}, {5}, {1, 5}, {3, 1}, {1}, {}} {
		cases = append(cases, optest.Case{Op: "Gemm", Opset: 13,
			Attrs: optest.Attrs{optest.FloatAttr("alpha", 0.3),
				optest.FloatAttr("beta", -1.2), optest.IntAttr("transB", 1)},
			Inputs: []*op.Tensor{optest.RandomTensor(1, 3, 4),
				optest.RandomTensor(2, 5, 4), optest.RandomTensor(3, c...)}})
	}
	for _, s := range [][2][]int{
		{{4, 3}, {3, 5}}, {{3}, {3, 5}}, {{4, 3}, {3}}, {{3}, {3}}, {{2, 4, 3}, {3}}, {{3}, {2, 3, 5}},
		{{2, 1, 4, 3}, {1, 3, 3, 5}}, {{2, 2, 4, 3}, {3, 5}}, {{2, 3, 4, 3}, {3, 3, 5}},
	} {
		cases = append(cases,
			optest.Case{Op: "MatMul", Opset: 13,
				Inputs: []*op.Tensor{optest.RandomTensor(1, s[0]...), optest.RandomTensor(2, s[1]...)}})
	}
	for equation, s := range map[string][][]int{
		"bhqd,bkhd->bhqk": {{2, 2, 3, 4}, {2, 5, 2, 4}}, "...ij,...jk->...ik": {{3, 2, 3}, {3, 3, 2}},
		"...ii->...i":  {{2, 3, 3}},
		"ij,kj,lk->il": {{2, 3}, {4, 3}, {2, 4}}, "bn,anm,bm->ba": {{2, 5}, {3, 5, 4}, {2, 4}}, "ij->": {{2, 3}},
		"ba,cb": {{2, 3}, {4, 2}},
	} {
		c := optest.Case{Op: "Einsum", Opset: 12, Attrs: optest.Attrs{optest.StringAttr("equation", equation)}}
		for i, shape := range s {
			c.Inputs = append(c.Inputs, optest.RandomTensor(uint64(i), shape...))
		}
		cases = append(cases, c)
	}
	for mask := range int64(4) {
		a, b := []int{2, 3, 4}, []int{2, 4, 5}
		if mask&1 != 0 {
			a = []int{2, 4, 3}
		}
		if mask&2 != 0 {
			b = []int{2, 5, 4}
		}
		cases = append(cases, optest.Case{Domain: "com.microsoft", Op: "FusedMatMul", Opset: 1,
			Inputs: []*op.Tensor{optest.RandomTensor(1, a...), optest.RandomTensor(2, b...)},
			Attrs: optest.Attrs{optest.IntAttr("transA", mask&1),
				optest.IntAttr("transB", mask>>1), optest.FloatAttr("alpha", 0.3)}})
	}
	for _, name := range []string{"Relu", "Tanh", "Sigmoid"} {
		cases = append(cases,
			optest.Case{Domain: "com.microsoft", Op: "FusedConv", Opset: 1,
				Attrs: optest.Attrs{optest.StringAttr("activation", name)},
				Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3, 5, 4), optest.RandomTensor(2, 4, 3, 3, 3),
					optest.RandomTensor(3, 4), optest.RandomTensor(4, 2, 4, 3, 2)}})
	}
	return cases
}

func normalisations() (cases []optest.Case) {
	for _, x := range [][]int{{2, 6, 5}, {2, 6, 4, 3}, {1, 6, 2, 3, 2}} {
		in, c := optest.RandomTensor(1, x...), func(seed uint64) *op.Tensor { return optest.RandomTensor(seed, 6) }
		cases = append(cases,
			optest.Case{Op: "InstanceNormalization", Opset: 6, Inputs: []*op.Tensor{in, c(2), c(3)}},
			optest.Case{Op: "BatchNormalization", Opset: 15,
				Inputs: []*op.Tensor{in, c(2), c(3), c(4), optest.Positive(c(5))}},
			optest.Case{Op: "BatchNormalization", Opset: 9,
				Inputs: []*op.Tensor{in, c(2), c(3), c(4), optest.Positive(c(5))}})
		for _, groups := range []int{1, 2, 3, 6} {
			list := optest.Attrs{optest.IntAttr("num_groups", int64(groups))}
			cases = append(cases,
				optest.Case{Op: "GroupNormalization", Opset: 21, Attrs: list, Inputs: []*op.Tensor{in, c(2), c(3)}},
				optest.Case{Op: "GroupNormalization", Opset: 18, Attrs: list,
					Inputs: []*op.Tensor{in, optest.RandomTensor(2, groups), optest.RandomTensor(3, groups)}})
		}
		for axis := range x {
			list, s := optest.Attrs{optest.IntAttr("axis", int64(axis))}, x[axis:]
			cases = append(cases, optest.Case{Op: "LayerNormalization", Opset: 17, Attrs: list,
				Inputs: []*op.Tensor{in, optest.RandomTensor(2, s...), optest.RandomTensor(3, s...)}, Outputs: 3},
				optest.Case{Op: "RMSNormalization", Opset: 23, Attrs: list,
					Inputs: []*op.Tensor{in, optest.RandomTensor(2, s...)}},
				optest.Case{Op: "LpNormalization", Opset: 1,
					Attrs:  append(optest.Attrs{optest.IntAttr("p", int64(1+axis%2))}, list...),
					Inputs: []*op.Tensor{in}})
		}
	}
	x := optest.RandomTensor(1, 2, 6, 4, 3)
	cases = append(cases,
		optest.Case{Op: "LRN", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("size", 3),
			optest.FloatAttr("alpha", 0.3), optest.FloatAttr("beta", 0.6),
			optest.FloatAttr("bias", 1.2)}, Inputs: []*op.Tensor{x}},
		optest.Case{Op: "MeanVarianceNormalization", Opset: 13, Inputs: []*op.Tensor{x}})
	h := func(seed uint64) *op.Tensor { return optest.RandomTensor(seed, 8) }
	for _, skip := range [][]int{{2, 3, 8}, {1, 3, 8}, {3, 8}} {
		cases = append(cases, optest.Case{Domain: "com.microsoft", Op: "SkipLayerNormalization", Opset: 1,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3, 8), optest.RandomTensor(2, skip...), h(3), h(4), h(5)}})
	}
	return cases
}

func foldings() (cases []optest.Case) {
	for _, e := range optest.Reductions() {
		for _, axes := range [][]int64{{1}, {-1, 0}, {0, 2}, nil} {
			x := optest.Positive(optest.RandomTensor(1, 3, 4, 5))
			c := optest.Case{Op: e.Name, Opset: 18, Inputs: []*op.Tensor{x},
				Attrs: optest.Attrs{optest.IntAttr("keepdims", int64(len(axes)%2))}}
			if axes != nil {
				c.Inputs = append(c.Inputs, optest.IntTensor(axes...))
			}
			cases = append(cases, c)
			if axes == nil {
				c.Attrs = append(c.Attrs, optest.IntAttr("noop_with_empty_axes", 1))
				cases = append(cases, c)
			}
		}
	}
	for _, operator := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		for _, opset := range []int64{7, 11, 13} {
			for axis := range int64(3) {
				cases = append(cases,
					optest.Case{Op: operator, Opset: opset, Attrs: optest.Attrs{optest.IntAttr("axis", axis)},
						Inputs: []*op.Tensor{optest.RandomTensor(1, 3, 4, 5)}})
			}
		}
	}
	return cases
}
