package network

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Helpers for the operators that move elements: they are linear maps, so a
// difference quotient with a large step is exact but for rounding.

// checkLinear checks gradients of operators that are linear in the inputs wrt.
func checkLinear(t *testing.T, c optest.Case) {
	t.Helper()
	c.Step, c.Tol = 0.5, 1e-4
	optest.CheckGradients(t, c)
}

// runNode lowers and runs a graph of one node. The first input is data if it is float; all others are known at lowering
// unless hide names them.
func runNode(c optest.Case, hide ...int) ([]*op.Tensor, error) {
	n := &onnxpb.NodeProto{OpType: proto.String(c.Op), Domain: proto.String(c.Domain), Attribute: c.Attrs,
		Name: proto.String("node")}
	g := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{n}}
	config := Config{Shapes: map[string][]int{}, Values: map[string]*op.Tensor{}}
	data := map[string]*op.Tensor{}
	for i, v := range c.Inputs {
		if v == nil {
			n.Input = append(n.Input, "")
			continue
		}
		name := fmt.Sprint("x", i)
		n.Input = append(n.Input, name)
		g.Input = append(g.Input, valueInfo(name, v.Type))
		if i == 0 && v.Spec().IsFloat() || slices.Contains(hide, i) {
			config.Shapes[name], data[name] = v.Shape, v
		} else {
			config.Values[name] = v
		}
	}
	for k := range max(1, c.Outputs) {
		name := fmt.Sprint("y", k)
		n.Output = append(n.Output, name)
		g.Output = append(g.Output, valueInfo(name, onnx.Float32))
	}
	m, err := onnx.FromProto(&onnxpb.ModelProto{
		Graph:       g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: proto.String(c.Domain), Version: proto.Int64(c.Opset)}},
	})
	if err != nil {
		return nil, err
	}
	lowered, err := Lower(m, config)
	if err != nil {
		return nil, err
	}
	return NewRunner(lowered, nil).Run(data, nil)
}

func valueInfo(name string, dt onnx.DataType) *onnxpb.ValueInfoProto {
	return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{
		Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(dt))}},
	}}
}

// expectNode runs a node and compares every output exactly.
func expectNode(t *testing.T, name string, c optest.Case, want ...*op.Tensor) {
	t.Helper()
	c.Outputs = len(want)
	got, err := runNode(c)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for k, w := range want {
		if err := optest.Compare(got[k], w, 1e-6, 1e-6); err != nil {
			t.Errorf("%s: output %d: %v", name, k, err)
		}
	}
}

// expectError runs a node that must be refused with an error of a kind.
func expectError(t *testing.T, name string, c optest.Case, kind error, hide ...int) {
	t.Helper()
	if got, err := runNode(c, hide...); !isKind(err, kind) {
		t.Errorf("%s: got %v and error %v, want an error of kind %q", name, got, err, kind)
	}
}

// floatTensor returns a float32 tensor of the shape.
func floatTensor(shape []int, v ...float32) *op.Tensor {
	return &op.Tensor{Type: onnx.Float32, Shape: shape, F: v}
}

// shapedInts returns an int64 tensor of the shape.
func shapedInts(shape []int, v ...int64) *op.Tensor {
	return &op.Tensor{Type: onnx.Int64, Shape: shape, I: v}
}

// counting returns a float32 tensor with the elements 1, 2, 3...
func counting(shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	for i := range t.F {
		t.F[i] = float32(i + 1)
	}
	return t
}

// draw is a source of random shapes and numbers for property tests.
type draw struct{ *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 2))} }

// shape draws a shape of the rank whose axes are mostly 1 to 4 long and sometimes empty.
func (d draw) shape(rank int) []int {
	s := make([]int, rank)
	for i := range s {
		if s[i] = d.IntN(5); s[i] == 0 && d.IntN(3) > 0 {
			s[i] = 1
		}
	}
	return s
}

// axis draws an axis of a tensor of the rank, counted from either end.
func (d draw) axis(rank int) (given int64, axis int) {
	axis = d.IntN(rank)
	if d.IntN(2) == 0 {
		return int64(axis - rank), axis
	}
	return int64(axis), axis
}

// indices draws n indices of an axis, counted from either end.
func (d draw) indices(n, axis int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(d.IntN(2*axis) - axis)
	}
	return list
}

// between draws an integer from lo to hi.
func (d draw) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// sameForAllWorkers runs a node forward and backward with one and with several workers and wants the same bits.
func sameForAllWorkers(t *testing.T, c optest.Case) {
	t.Helper()
	var first []float32
	for _, threads := range []int{1, 2, 3, 8} {
		w := kernel.NewWorkers(threads)
		operator, in, outs := optest.BuildOne(t, c)
		x := &op.Context{Workers: w}
		if err := operator.Forward(x, in, outs); err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(outs[0].F)
		dy := op.NewTensor(outs[0].Spec())
		optest.Fill(dy.F, 5)
		for _, i := range c.Wrt {
			dx := op.NewTensor(in[i].Spec())
			if err := operator.(op.Differentiable).Backward(x, i, 0, in, outs, dy, dx); err != nil {
				t.Fatal(err)
			}
			got = append(got, dx.F...)
		}
		w.Close()
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("%s: %d workers give other bits than one", c.Op, threads)
		}
	}
}
