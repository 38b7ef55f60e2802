package network

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestPoolTailGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 30 {
		list, x := optest.PoolCase(r, 1+i%3)
		list = append(list, optest.IntAttr("p", int64(1+i%3)))
		c := optest.Case{Op: "LpPool", Opset: 18, Attrs: list, Inputs: []*op.Tensor{optest.RandomTensor(5, x...)},
			Wrt: []int{0}, Step: 1e-3, Tol: 1e-2}
		optest.CheckGradients(t, c)
		c.Op, c.Opset, c.Attrs = "GlobalLpPool", 2, optest.Attrs{optest.IntAttr("p", int64(1+i%3))}
		optest.CheckGradients(t, c)
		c.Op, c.Opset, c.Attrs, c.Step = "GlobalMaxPool", 1, nil, 1e-4
		optest.CheckGradients(t, c)
	}
}

func TestMaxPoolIndices(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{1, 2, 2, 3}, F: []float32{1, 2, 9, 4, 5, 6, 8, 1, 1, 1, 1, 1}}
	for _, c := range []struct {
		order int64
		want  []int64
	}{{0, []int64{2, 6}}, {1, []int64{4, 6}}} {
		operator, in, outs := optest.BuildOne(t,
			optest.Case{Op: "MaxPool", Opset: 12, Inputs: []*op.Tensor{x}, Outputs: 2,
				Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2, 3), optest.IntAttr("storage_order", c.order)}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outs[1].I, c.want) {
			t.Errorf("storage_order %d: indices %v, want %v", c.order, outs[1].I, c.want)
		}
	}
}

func TestMaxUnpool(t *testing.T) {
	x := optest.RandomTensor(1, 1, 1, 2, 2)
	at := &op.Tensor{Type: onnx.Int64, Shape: x.Shape, I: []int64{5, 7, 13, 15}}
	c := optest.Case{Op: "MaxUnpool", Opset: 11,
		Attrs:  optest.Attrs{optest.IntsAttr("kernel_shape", 2, 2), optest.IntsAttr("strides", 2, 2)},
		Inputs: []*op.Tensor{x, at}, Wrt: []int{0}}
	optest.CheckGradients(t, c)
	operator, in, outs := optest.BuildOne(t, c)
	at.I[3] = 16
	if err := operator.Forward(&op.Context{}, in, outs); err == nil {
		t.Error("an index behind the output gave no error")
	}
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "MaxUnpool", Opset: 11, Attrs: c.Attrs, Inputs: []*op.Tensor{x, at, optest.IntTensor(1, 1, 3, 5)},
			Says: "output_shape is [1 1 3 5]"},
		{Op: "MaxUnpool", Opset: 11, Attrs: c.Attrs, Inputs: []*op.Tensor{x, at, optest.IntTensor(1, 2, 5, 5)},
			Says: "output_shape is [1 2 5 5]"},
		{Op: "MaxUnpool", Opset: 11, Attrs: c.Attrs,
			Inputs: []*op.Tensor{x, optest.IntTensor(1)}, Says: "as many integers"},
		{Op: "LpPool", Opset: 18, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2, 2), optest.IntAttr("p", 0)},
			Inputs: []*op.Tensor{x}, Says: "p is 0"},
	})
}

// TestPoolsOldAndUnread: opset 1 gives p as a float, and a MaxPool of which only the indices are read still finds them.
func TestPoolsOldAndUnread(t *testing.T) {
	x := optest.Floats([]int{1, 1, 2}, -3, 4)
	operator, in, outs := optest.BuildOne(t,
		optest.Case{Op: "GlobalLpPool", Opset: 1,
			Attrs: optest.Attrs{optest.FloatAttr("p", 1)}, Inputs: []*op.Tensor{x}})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil || outs[0].F[0] != 7 {
		t.Errorf("got %v, %v, want [7]", outs[0].F, err)
	}
	operator, in, outs = optest.BuildOne(t,
		optest.Case{Op: "MaxPool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2)},
			Inputs: []*op.Tensor{x}, Outputs: 2})
	if err := operator.Forward(&op.Context{}, in, []*op.Tensor{nil, outs[1]}); err != nil || outs[1].I[0] != 1 {
		t.Errorf("indices %v, %v, want [1]", outs[1].I, err)
	}
	bytes := &op.Tensor{Type: onnx.Uint8, Shape: x.Shape, I: []int64{200, 7}}
	operator, in, outs = optest.BuildOne(t,
		optest.Case{Op: "MaxPool", Opset: 12,
			Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2)}, Inputs: []*op.Tensor{bytes}})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil || outs[0].I[0] != 200 {
		t.Errorf("got %v, %v, want [200]", outs[0].I, err)
	}
}

// TestMaxUnpoolOutputShape: indices given as such count in the shape that the window gives, those of a MaxPool in what
// it pooled.
func TestMaxUnpoolOutputShape(t *testing.T) {
	window := optest.Attrs{optest.IntsAttr("kernel_shape", 2, 2), optest.IntsAttr("strides", 2, 2)}
	given := optest.Case{Op: "MaxUnpool", Opset: 11, Attrs: window,
		Inputs: []*op.Tensor{floatTensor([]int{1, 1, 2, 2}, 5, 6, 7, 8),
			shapedInts([]int{1, 1, 2, 2}, 5, 7, 13, 15), optest.IntTensor(1, 1, 5, 5)}}
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
	if err := optest.Compare(got[0], want, 0, 0); err != nil {
		t.Error(err)
	}
}
