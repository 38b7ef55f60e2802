package network

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/fused"
	"github.com/softmerge/softmerge/gating/network/op/linear"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/gating/network/op/spatial"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// linearRooms are the operators that take their geometry from attributes.
var linearRooms = []op.Family{linear.Operators, spatial.Operators, reduction.Operators, fused.Operators}

// gradientInputs is how many inputs of an operator may get a gradient, where it is more than one.
var gradientInputs = map[string]int{
	"Gemm": 3, "MatMul": 2, "Conv": 3, "ConvTranspose": 3, "BatchNormalization": 5, "LayerNormalization": 3,
	"RMSNormalization":             2,
	"SimplifiedLayerNormalization": 2, "InstanceNormalization": 3, "GroupNormalization": 3, "SkipLayerNormalization": 5,
	"SkipSimplifiedLayerNormalization": 4, "Einsum": 9, "FusedConv": 4, "FusedGemm": 3, "FusedMatMul": 2,
	"TransposeMatMul": 2,
}

// wildAttributes returns attributes under the names that the families read, some sensible, most not.
func wildAttributes(r *rand.Rand) (list optest.Attrs) {
	number := func() int64 {
		return []int64{0, 1, 1, 2, 2, 3, -1, -2, math.MaxInt64, math.MinInt64, 1 << 31, 1 << 27}[r.IntN(12)]
	}
	for _, name := range []string{"strides", "dilations", "pads", "kernel_shape", "output_shape",
		"output_padding", "axes", "pooled_shape"} {
		if r.IntN(3) > 0 {
			continue
		}
		var v []int64
		for range r.IntN(7) {
			v = append(v, number())
		}
		list = append(list, optest.IntsAttr(name, v...))
	}
	for _, name := range []string{"axis", "group", "num_groups", "size", "p", "keepdims", "ceil_mode", "transA",
		"transB", "training_mode", "output_height", "sampling_ratio", "storage_order", "spatial"} {
		if r.IntN(3) == 0 {
			list = append(list, optest.IntAttr(name, number()))
		}
	}
	if r.IntN(3) == 0 {
		list = append(list,
			optest.StringAttr("auto_pad", []string{"SAME_UPPER", "SAME_LOWER", "VALID", "?"}[r.IntN(4)]))
	}
	return append(list, optest.StringAttr("equation", []string{"ij,jk->ik", "...,...", "ab", "a,b,c->c"}[r.IntN(4)]))
}

// wildInput returns a tensor of a random small shape, or nothing.
func wildInput(r *rand.Rand) *op.Tensor {
	shape := make([]int, r.IntN(6))
	for a := range shape {
		shape[a] = []int{0, 1, 2, 2, 3, 4}[r.IntN(6)]
	}
	dt := []onnx.DataType{onnx.Float32, onnx.Float32, onnx.Float32, onnx.Uint8, onnx.Int64}[r.IntN(5)]
	return op.NewTensor(op.Spec{Type: dt, Shape: shape})
}

// TestBuildersRefuseWildNodes: whatever shapes and attributes a node has, its builder answers with a
// shape or an error of a known kind, and an operator it returns runs without panic when it is small enough.
func TestBuildersRefuseWildNodes(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	built := 0
	for range 300 {
		for _, f := range linearRooms {
			for _, e := range f {
				if wildNode(t, r, e) {
					built++
				}
			}
		}
	}
	if built < 500 {
		t.Errorf("only %d nodes were accepted: the attributes are too wild", built)
	}
}

func wildNode(t *testing.T, r *rand.Rand, e op.Entry) bool {
	t.Helper()
	n := &onnxpb.NodeProto{OpType: proto.String(e.Name), Attribute: wildAttributes(r), Output: []string{"y"}}
	c := &op.Call{Env: &lowerer{Config: Config{MaxBytes: 1 << 20}}, Node: n, Name: "n",
		Opset: []int64{1, 7, 11, 13, 18, 23}[r.IntN(6)], Outs: 1}
	var in []*op.Tensor
	for i := range r.IntN(9) {
		v := wildInput(r)
		if i > 0 && r.IntN(2) == 0 && in[0] != nil {
			v = op.NewTensor(op.Spec{Type: v.Type, Shape: in[0].Shape})
		}
		in = append(in, v)
		given := &op.Input{Spec: v.Spec()}
		if !v.Spec().IsFloat() {
			given.Const = v
		}
		c.In = append(c.In, given)
	}
	what := fmt.Sprint(e.Name, " ", c.Opset, " ", n.Attribute, " ")
	for _, v := range in {
		what += fmt.Sprint(v.Spec(), " ")
	}
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: %v", what, p)
		}
	}()
	operator, specs, err := e.Build(c)
	if err != nil {
		if !errors.Is(err, op.ErrShape) && !errors.Is(err, op.ErrUnsupported) {
			t.Errorf("%s: error %v is of no known kind", what, err)
		}
		return false
	}
	runWild(t, what, operator, specs, in)
	return true
}

// runWild runs an operator forward and backward if its outputs are small.
func runWild(t *testing.T, what string, operator op.Operator, specs []op.Spec, in []*op.Tensor) {
	t.Helper()
	l := &lowerer{Config: Config{MaxBytes: 1 << 20}}
	var outs []*op.Tensor
	for _, s := range specs {
		if l.CheckSize(&op.Call{Node: &onnxpb.NodeProto{}}, s) != nil {
			return
		}
		outs = append(outs, op.NewTensor(s))
	}
	if operator.Forward(&op.Context{}, in, outs) != nil {
		return
	}
	d, ok := operator.(op.Differentiable)
	for i := range in[:min(len(in), max(1, gradientInputs[what[:strings.Index(what, " ")]]))] {
		if !ok || in[i].F == nil || outs[0].F == nil {
			continue
		}
		if err := d.Backward(&op.Context{}, i, 0, in, outs, op.NewTensor(specs[0]),
			op.NewTensor(in[i].Spec())); err != nil {
			t.Errorf("%s: gradient %d: %v", what, i, err)
		}
	}
}
