package network

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestPoolTailGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 30 {
		list, x := poolCase(r, 1+i%3)
		list = append(list, intAttr("p", int64(1+i%3)))
		c := gradCase{op: "LpPool", opset: 18, attrs: list, inputs: []*op.Tensor{randomTensor(5, x...)},
			wrt: []int{0}, step: 1e-3, tol: 1e-2}
		checkGradients(t, c)
		c.op, c.opset, c.attrs = "GlobalLpPool", 2, attrs{intAttr("p", int64(1+i%3))}
		checkGradients(t, c)
		c.op, c.opset, c.attrs, c.step = "GlobalMaxPool", 1, nil, 1e-4
		checkGradients(t, c)
	}
}

func TestMaxPoolIndices(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{1, 2, 2, 3}, F: []float32{1, 2, 9, 4, 5, 6, 8, 1, 1, 1, 1, 1}}
	for _, c := range []struct {
		order int64
		want  []int64
	}{{0, []int64{2, 6}}, {1, []int64{4, 6}}} {
		operator, in, outs := buildOne(t, gradCase{op: "MaxPool", opset: 12, inputs: []*op.Tensor{x}, outputs: 2,
			attrs: attrs{intsAttr("kernel_shape", 2, 3), intAttr("storage_order", c.order)}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outs[1].I, c.want) {
			t.Errorf("storage_order %d: indices %v, want %v", c.order, outs[1].I, c.want)
		}
	}
}

func TestMaxUnpool(t *testing.T) {
	x := randomTensor(1, 1, 1, 2, 2)
	at := &op.Tensor{Type: onnx.Int64, Shape: x.Shape, I: []int64{5, 7, 13, 15}}
	c := gradCase{op: "MaxUnpool", opset: 11, attrs: attrs{intsAttr("kernel_shape", 2, 2), intsAttr("strides", 2, 2)},
		inputs: []*op.Tensor{x, at}, wrt: []int{0}}
	checkGradients(t, c)
	operator, in, outs := buildOne(t, c)
	at.I[3] = 16
	if err := operator.Forward(&op.Context{}, in, outs); err == nil {
		t.Error("an index behind the output gave no error")
	}
	checkRefusals(t, []refusal{
		{"MaxUnpool", 11, c.attrs, []*op.Tensor{x, at, intTensor(1, 1, 3, 5)}, "output_shape is [1 1 3 5]"},
		{"MaxUnpool", 11, c.attrs, []*op.Tensor{x, at, intTensor(1, 2, 5, 5)}, "output_shape is [1 2 5 5]"},
		{"MaxUnpool", 11, c.attrs, []*op.Tensor{x, intTensor(1)}, "as many integers"},
		{"LpPool", 18, attrs{intsAttr("kernel_shape", 2, 2), intAttr("p", 0)}, []*op.Tensor{x}, "p is 0"},
	})
}

// TestPoolsOldAndUnread: opset 1 gives p as a float, and a MaxPool of which only the indices are read still finds them.
func TestPoolsOldAndUnread(t *testing.T) {
	x := floatsTensor([]int{1, 1, 2}, -3, 4)
	operator, in, outs := buildOne(t,
		gradCase{op: "GlobalLpPool", opset: 1, attrs: attrs{floatAttr("p", 1)}, inputs: []*op.Tensor{x}})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil || outs[0].F[0] != 7 {
		t.Errorf("got %v, %v, want [7]", outs[0].F, err)
	}
	operator, in, outs = buildOne(t, gradCase{op: "MaxPool", opset: 12, attrs: attrs{intsAttr("kernel_shape", 2)},
		inputs: []*op.Tensor{x}, outputs: 2})
	if err := operator.Forward(&op.Context{}, in, []*op.Tensor{nil, outs[1]}); err != nil || outs[1].I[0] != 1 {
		t.Errorf("indices %v, %v, want [1]", outs[1].I, err)
	}
	bytes := &op.Tensor{Type: onnx.Uint8, Shape: x.Shape, I: []int64{200, 7}}
	operator, in, outs = buildOne(t,
		gradCase{op: "MaxPool", opset: 12, attrs: attrs{intsAttr("kernel_shape", 2)}, inputs: []*op.Tensor{bytes}})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil || outs[0].I[0] != 200 {
		t.Errorf("got %v, %v, want [200]", outs[0].I, err)
	}
}

// TestMaxUnpoolOutputShape: indices given as such count in the shape that the window gives, those of a MaxPool in what
// it pooled.
func TestMaxUnpoolOutputShape(t *testing.T) {
	window := attrs{intsAttr("kernel_shape", 2, 2), intsAttr("strides", 2, 2)}
	given := gradCase{op: "MaxUnpool", opset: 11, attrs: window,
		inputs: []*op.Tensor{floatTensor([]int{1, 1, 2, 2}, 5, 6, 7, 8),
			shapedInts([]int{1, 1, 2, 2}, 5, 7, 13, 15), intTensor(1, 1, 5, 5)}}
	want := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{1, 1, 5, 5}})
	want.F[6], want.F[8], want.F[16], want.F[18] = 5, 6, 7, 8
	expectNode(t, "given", given, want)

	g := graphOf("x")
	pool := addNode(g, "MaxPool", "x", "p i", window...)
	if len(pool.Output) != 2 {
		t.Fatal(pool)
	}
	g.Initializer = append(g.Initializer, initializer(t, "shape", []int{4}, 1, 1, 5, 5))
	addNode(g, "MaxUnpool", "p i shape", "y", window...)
	x := counting(1, 1, 5, 5)
	got, err := runOnce(modelOf(t, g, nil, "y"), map[string]*op.Tensor{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	clear(want.F)
	for _, at := range []int{6, 8, 16, 18} {
		want.F[at] = x.F[at]
	}
	if err := compare(got[0], want, 0, 0); err != nil {
		t.Error(err)
	}
}
