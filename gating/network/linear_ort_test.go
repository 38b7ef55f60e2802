package network

import (
	"fmt"
	"math/rand/v2"
	"testing"

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
	var cases []gradCase
	for i := range 30 {
		cases = append(cases, convolutions(r, 1+i%2)...)
		cases = append(cases, pools(r, 1+i%3)...)
	}
	cases = append(cases, products()...)
	cases = append(cases, normalisations()...)
	cases = append(cases, foldings()...)
	for _, c := range cases {
		t.Run(fmt.Sprint(c.op, c.opset), func(t *testing.T) {
			s.againstORT(t, c)
			if t.Failed() {
				for _, v := range c.inputs {
					t.Log(v.Spec())
				}
				t.Log(c.attrs)
			}
		})
	}
}

// without returns the attributes but for the named ones.
func without(list attrs, names ...string) (kept attrs) {
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
func usual(list attrs) attrs {
	for _, a := range list {
		if a.GetName() == "auto_pad" {
			return without(list, "dilations")
		}
	}
	return list
}

func convolutions(r *rand.Rand, axes int) []gradCase {
	list, x, w := convCase(r, axes)
	cases := []gradCase{
		{op: "Conv", opset: 11, attrs: usual(list),
			inputs: []*op.Tensor{randomTensor(1, x...), randomTensor(2, w...), randomTensor(3, w[0])}},
		{op: "ConvInteger", opset: 10, attrs: usual(list),
			inputs: []*op.Tensor{bytesTensor(r, onnx.Uint8, x...), bytesTensor(r, onnx.Uint8, w...)}},
	}
	list, x, w = transposeCase(r, axes)
	group := int(list[0].GetI())
	return append(cases, gradCase{op: "ConvTranspose", opset: 11, attrs: list,
		inputs: []*op.Tensor{randomTensor(1, x...), randomTensor(2, w...), randomTensor(3, w[1]*group)}})
}

func pools(r *rand.Rand, axes int) []gradCase {
	list, x := poolCase(r, axes)
	if kept := usual(list); len(kept) < len(list) {
		list = without(kept, "ceil_mode")
	}
	in := []*op.Tensor{randomTensor(4, x...)}
	return []gradCase{
		{op: "MaxPool", opset: 12,
			attrs: append(attrs{intAttr("storage_order", int64(r.IntN(2)))}, list...), inputs: in, outputs: 2},
		{op: "MaxPool", opset: 12, attrs: list, inputs: []*op.Tensor{bytesTensor(r, onnx.Uint8, x...)}},
		{op: "AveragePool", opset: 19,
			attrs: append(attrs{intAttr("count_include_pad", int64(r.IntN(2)))}, list...), inputs: in},
		{op: "LpPool", opset: 18, attrs: append(attrs{intAttr("p", int64(1+r.IntN(3)))}, list...), inputs: in},
		{op: "GlobalMaxPool", opset: 1, inputs: in}, {op: "GlobalAveragePool", opset: 1, inputs: in},
		{op: "GlobalLpPool", opset: 2, inputs: in},
	}
}

func products() (cases []gradCase) {
	for _, c := range [][]int{{3, 5}, {5}, {1, 5}, {3, 1}, {1}, {}} {
		cases = append(cases, gradCase{op: "Gemm", opset: 13,
			attrs:  attrs{floatAttr("alpha", 0.3), floatAttr("beta", -1.2), intAttr("transB", 1)},
			inputs: []*op.Tensor{randomTensor(1, 3, 4), randomTensor(2, 5, 4), randomTensor(3, c...)}})
	}
	for _, s := range [][2][]int{
		{{4, 3}, {3, 5}}, {{3}, {3, 5}}, {{4, 3}, {3}}, {{3}, {3}}, {{2, 4, 3}, {3}}, {{3}, {2, 3, 5}},
		{{2, 1, 4, 3}, {1, 3, 3, 5}}, {{2, 2, 4, 3}, {3, 5}}, {{2, 3, 4, 3}, {3, 3, 5}},
	} {
		cases = append(cases,
			gradCase{op: "MatMul", opset: 13, inputs: []*op.Tensor{randomTensor(1, s[0]...), randomTensor(2, s[1]...)}})
	}
	for equation, s := range map[string][][]int{
		"bhqd,bkhd->bhqk": {{2, 2, 3, 4}, {2, 5, 2, 4}}, "...ij,...jk->...ik": {{3, 2, 3}, {3, 3, 2}},
		"...ii->...i":  {{2, 3, 3}},
		"ij,kj,lk->il": {{2, 3}, {4, 3}, {2, 4}}, "bn,anm,bm->ba": {{2, 5}, {3, 5, 4}, {2, 4}}, "ij->": {{2, 3}},
		"ba,cb": {{2, 3}, {4, 2}},
	} {
		c := gradCase{op: "Einsum", opset: 12, attrs: attrs{stringAttr("equation", equation)}}
		for i, shape := range s {
			c.inputs = append(c.inputs, randomTensor(uint64(i), shape...))
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
		cases = append(cases, gradCase{domain: "com.microsoft", op: "FusedMatMul", opset: 1,
			inputs: []*op.Tensor{randomTensor(1, a...), randomTensor(2, b...)},
			attrs:  attrs{intAttr("transA", mask&1), intAttr("transB", mask>>1), floatAttr("alpha", 0.3)}})
	}
	for _, name := range []string{"Relu", "Tanh", "Sigmoid"} {
		cases = append(cases,
			gradCase{domain: "com.microsoft", op: "FusedConv", opset: 1, attrs: attrs{stringAttr("activation", name)},
				inputs: []*op.Tensor{randomTensor(1, 2, 3, 5, 4), randomTensor(2, 4, 3, 3, 3),
					randomTensor(3, 4), randomTensor(4, 2, 4, 3, 2)}})
	}
	return cases
}

func normalisations() (cases []gradCase) {
	for _, x := range [][]int{{2, 6, 5}, {2, 6, 4, 3}, {1, 6, 2, 3, 2}} {
		in, c := randomTensor(1, x...), func(seed uint64) *op.Tensor { return randomTensor(seed, 6) }
		cases = append(cases,
			gradCase{op: "InstanceNormalization", opset: 6, inputs: []*op.Tensor{in, c(2), c(3)}},
			gradCase{op: "BatchNormalization", opset: 15, inputs: []*op.Tensor{in, c(2), c(3), c(4), positive(c(5))}},
			gradCase{op: "BatchNormalization", opset: 9, inputs: []*op.Tensor{in, c(2), c(3), c(4), positive(c(5))}})
		for _, groups := range []int{1, 2, 3, 6} {
			list := attrs{intAttr("num_groups", int64(groups))}
			cases = append(cases,
				gradCase{op: "GroupNormalization", opset: 21, attrs: list, inputs: []*op.Tensor{in, c(2), c(3)}},
				gradCase{op: "GroupNormalization", opset: 18, attrs: list,
					inputs: []*op.Tensor{in, randomTensor(2, groups), randomTensor(3, groups)}})
		}
		for axis := range x {
			list, s := attrs{intAttr("axis", int64(axis))}, x[axis:]
			cases = append(cases, gradCase{op: "LayerNormalization", opset: 17, attrs: list,
				inputs: []*op.Tensor{in, randomTensor(2, s...), randomTensor(3, s...)}, outputs: 3},
				gradCase{op: "RMSNormalization", opset: 23, attrs: list,
					inputs: []*op.Tensor{in, randomTensor(2, s...)}},
				gradCase{op: "LpNormalization", opset: 1,
					attrs: append(attrs{intAttr("p", int64(1+axis%2))}, list...), inputs: []*op.Tensor{in}})
		}
	}
	x := randomTensor(1, 2, 6, 4, 3)
	cases = append(cases,
		gradCase{op: "LRN", opset: 13, attrs: attrs{intAttr("size", 3), floatAttr("alpha", 0.3), floatAttr("beta", 0.6),
			floatAttr("bias", 1.2)}, inputs: []*op.Tensor{x}},
		gradCase{op: "MeanVarianceNormalization", opset: 13, inputs: []*op.Tensor{x}})
	h := func(seed uint64) *op.Tensor { return randomTensor(seed, 8) }
	for _, skip := range [][]int{{2, 3, 8}, {1, 3, 8}, {3, 8}} {
		cases = append(cases, gradCase{domain: "com.microsoft", op: "SkipLayerNormalization", opset: 1,
			inputs: []*op.Tensor{randomTensor(1, 2, 3, 8), randomTensor(2, skip...), h(3), h(4), h(5)}})
	}
	return cases
}

func foldings() (cases []gradCase) {
	for _, e := range reductions() {
		for _, axes := range [][]int64{{1}, {-1, 0}, {0, 2}, nil} {
			x := positive(randomTensor(1, 3, 4, 5))
			c := gradCase{op: e.Name, opset: 18, inputs: []*op.Tensor{x},
				attrs: attrs{intAttr("keepdims", int64(len(axes)%2))}}
			if axes != nil {
				c.inputs = append(c.inputs, intTensor(axes...))
			}
			cases = append(cases, c)
			if axes == nil {
				c.attrs = append(c.attrs, intAttr("noop_with_empty_axes", 1))
				cases = append(cases, c)
			}
		}
	}
	for _, operator := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		for _, opset := range []int64{7, 11, 13} {
			for axis := range int64(3) {
				cases = append(cases, gradCase{op: operator, opset: opset, attrs: attrs{intAttr("axis", axis)},
					inputs: []*op.Tensor{randomTensor(1, 3, 4, 5)}})
			}
		}
	}
	return cases
}
