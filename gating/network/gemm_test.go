package network

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

type attrs = []*onnxpb.AttributeProto

// refusal is a node that a builder must refuse, and what its error must say.
type refusal struct {
	op     string
	opset  int64
	attrs  attrs
	inputs []*op.Tensor
	says   string
}

// checkRefusals builds every node and compares the errors.
func checkRefusals(t *testing.T, list []refusal) {
	t.Helper()
	for _, r := range list {
		err := buildError(t, r)
		if err == nil {
			t.Errorf("%s %v: no error, want one about %q", r.op, r.attrs, r.says)
			continue
		}
		if !strings.Contains(err.Error(), r.says) || !errors.Is(err, op.ErrShape) &&
			!errors.Is(err, op.ErrUnsupported) {
			t.Errorf("%s: error %q, want it to say %q", r.op, err, r.says)
		}
	}
}

func buildError(t *testing.T, r refusal) error {
	t.Helper()
	n := &onnxpb.NodeProto{OpType: proto.String(r.op), Attribute: r.attrs,
		Name: proto.String("node"), Output: []string{"y"}}
	c := &op.Call{Node: n, Name: "node", Opset: r.opset, Outs: 1}
	for i, v := range r.inputs {
		n.Input = append(n.Input, fmt.Sprint("x", i))
		if v == nil {
			c.In = append(c.In, nil)
			continue
		}
		in := &op.Input{Spec: v.Spec()}
		if !v.Spec().IsFloat() {
			in.Const = v
		}
		c.In = append(c.In, in)
	}
	_, _, err := table.Find(n, r.opset).Build(c)
	return err
}

func TestGemmGradients(t *testing.T) {
	for _, shape := range [][]int{nil, {}, {1}, {5}, {1, 5}, {4, 1}, {4, 5}, {1, 1}} {
		for mask := range 4 {
			a, b := []int{4, 3}, []int{3, 5}
			var list attrs
			if mask&1 != 0 {
				a = []int{3, 4}
				list = append(list, intAttr("transA", 1))
			}
			if mask&2 != 0 {
				b = []int{5, 3}
				list = append(list, intAttr("transB", 1))
			}
			c := gradCase{op: "Gemm", opset: 13, attrs: append(list, floatAttr("alpha", 0.5), floatAttr("beta", -1.5)),
				inputs: []*op.Tensor{randomTensor(1, a...), randomTensor(2, b...)}, wrt: []int{0, 1}}
			if shape != nil {
				c.inputs = append(c.inputs, randomTensor(3, shape...))
				c.wrt = append(c.wrt, 2)
			}
			checkGradients(t, c)
		}
	}
}

func TestGemmEmpty(t *testing.T) {
	for _, dims := range [][3]int{{0, 3, 5}, {4, 0, 5}, {4, 3, 0}} {
		checkGradients(t, gradCase{op: "Gemm", opset: 13, wrt: []int{0, 1, 2},
			inputs: []*op.Tensor{randomTensor(1, dims[0], dims[1]),
				randomTensor(2, dims[1], dims[2]), randomTensor(3, dims[2])}})
	}
}

func TestGemmRefusals(t *testing.T) {
	m := randomTensor(1, 2, 3)
	checkRefusals(t, []refusal{
		{"Gemm", 13, nil, []*op.Tensor{m}, "input 1 is missing"},
		{"Gemm", 13, nil, []*op.Tensor{m, m}, "inner dimensions 3 and 2 differ"},
		{"Gemm", 13, nil, []*op.Tensor{m, randomTensor(1, 3)}, "want two matrices"},
		{"Gemm", 13, attrs{intAttr("transB", 1)}, []*op.Tensor{m, m, randomTensor(1, 3)}, "broadcasts to [2 2]"},
		{"Gemm", 13, attrs{intAttr("transB", 1)}, []*op.Tensor{m, m, randomTensor(1, 1, 2, 2)}, "broadcasts to [2 2]"},
		{"Gemm", 13, nil, []*op.Tensor{m, intTensor(1)}, "want floats"},
		{"MatMul", 13, nil, []*op.Tensor{m, m}, "inner dimensions 3 and 2 differ"},
		{"MatMul", 13, nil, []*op.Tensor{randomTensor(1, 2, 2, 3), randomTensor(1, 3, 3, 2)}, "do not broadcast"},
		{"MatMul", 13, nil, []*op.Tensor{m, randomTensor(1)}, "no scalars"},
	})
}

func TestMatMulGradients(t *testing.T) {
	for _, s := range [][2][]int{
		{{4, 3}, {3, 5}}, {{3}, {3, 5}}, {{4, 3}, {3}}, {{3}, {3}}, {{2, 4, 3}, {3}}, {{3}, {2, 3, 5}},
		{{2, 4, 3}, {3, 5}}, {{2, 2, 4, 3}, {3, 5}}, {{4, 3}, {2, 3, 5}}, {{2, 4, 3}, {2, 3, 5}},
		{{2, 1, 4, 3}, {1, 3, 3, 5}}, {{2, 3, 4, 3}, {3, 3, 5}}, {{2, 3, 4, 3}, {2, 1, 3, 5}},
		{{1, 3, 1, 4, 3}, {2, 1, 2, 3, 5}},
		{{2, 1, 3, 1, 2}, {2, 4, 1, 2, 3}}, {{1, 1}, {1, 1}}, {{2, 0, 3}, {3, 4}}, {{1, 2, 0}, {3, 0, 2}},
		{{0, 2, 3}, {1, 3, 2}},
	} {
		checkGradients(t, gradCase{op: "MatMul", opset: 13, wrt: []int{0, 1},
			inputs: []*op.Tensor{randomTensor(1, s[0]...), randomTensor(2, s[1]...)}})
	}
}
