package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestGridSample(t *testing.T) {
	x := floatTensor([]int{1, 1, 1, 3}, 1, 2, 4)
	// On an axis of three, 0 is the middle; 1 is the last element's centre with align_corners and its edge without.
	grid := floatTensor([]int{1, 1, 4, 2}, 0, 0, 0.5, 0, 1, 0, 2, 0)
	for _, c := range []struct {
		mode, padding string
		align         int64
		want          []float32
	}{
		{"linear", "zeros", 1, []float32{2, 3, 4, 0}},
		{"linear", "border", 1, []float32{2, 3, 4, 4}},
		{"linear", "reflection", 1, []float32{2, 3, 4, 2}},
		{"linear", "zeros", 0, []float32{2, 3.5, 2, 0}},
		{"linear", "border", 0, []float32{2, 3.5, 4, 4}},
		{"linear", "reflection", 0, []float32{2, 3.5, 4, 2}},
		{"nearest", "zeros", 1, []float32{2, 4, 4, 0}},
		{"nearest", "border", 0, []float32{2, 4, 4, 4}},
		{"bicubic", "zeros", 1, []float32{2, 3.46875, 4, 0}},
	} {
		opset := int64(20)
		if c.mode == "bicubic" {
			opset = 16
		}
		expectNode(t, c.mode+" "+c.padding, optest.Case{Op: "GridSample", Opset: opset, Inputs: []*op.Tensor{x, grid},
			Attrs: optest.Attrs{optest.StringAttr("mode", c.mode), optest.StringAttr("padding_mode", c.padding),
				optest.IntAttr("align_corners", c.align)}}, floatTensor([]int{1, 1, 1, 4}, c.want...))
	}
	lost := floatTensor([]int{1, 1, 2, 2}, nan, 0, 3e38, 0)
	expectNode(t, "nowhere", optest.Case{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{x, lost}},
		floatTensor([]int{1, 1, 1, 2}, 0, 0))
	expectError(t, "ranks",
		optest.Case{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{x, counting(1, 1, 3)}}, op.ErrUnsupported)
	expectError(t, "mode", optest.Case{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{x, grid},
		Attrs: optest.Attrs{optest.StringAttr("mode", "area")}}, op.ErrUnsupported)
	expectError(t, "padding", optest.Case{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{x, grid},
		Attrs: optest.Attrs{optest.StringAttr("padding_mode", "wrap")}}, op.ErrUnsupported)
	expectError(t, "empty",
		optest.Case{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{floatTensor([]int{1, 1, 0, 3}), grid}},
		op.ErrShape)
}

func TestGridSampleGradient(t *testing.T) {
	for seed := range uint64(60) {
		d := newDraw(seed)
		mode := []string{"linear", "cubic", "nearest"}[d.IntN(3)]
		x, grid := optest.RandomTensor(seed, d.between(1, 2), d.between(1, 3), d.between(1, 4), d.between(2, 5)),
			(*op.Tensor)(nil)
		grid = optest.RandomTensor(seed+1, x.Shape[0], d.between(1, 3), 2, 2)
		if d.IntN(3) == 0 && mode != "cubic" {
			x = optest.RandomTensor(seed, 1, 2, 2, 3, 2)
			grid = optest.RandomTensor(seed+1, 1, 2, 1, 3, 3)
		}
		c := optest.Case{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{x, grid}, Wrt: []int{0},
			Attrs: optest.Attrs{optest.StringAttr("mode", mode),
				optest.StringAttr("padding_mode", []string{"zeros", "border", "reflection"}[d.IntN(3)]),
				optest.IntAttr("align_corners", int64(d.IntN(2)))}}
		checkLinear(t, c)
		c.Wrt, c.Step, c.Tol = []int{1}, 2e-4, 2e-2 // the output bends at every element of the image
		optest.CheckGradients(t, c)
	}
}

func TestAffineGrid(t *testing.T) {
	flip := floatTensor([]int{1, 2, 3}, -1, 0, 0, 0, 1, 0.5)
	expectNode(t, "edges",
		optest.Case{Op: "AffineGrid", Opset: 20, Inputs: []*op.Tensor{flip, optest.IntTensor(1, 1, 2, 2)}},
		floatTensor([]int{1, 2, 2, 2}, 0.5, 0, -0.5, 0, 0.5, 1, -0.5, 1))
	expectNode(t, "centres",
		optest.Case{Op: "AffineGrid", Opset: 20, Inputs: []*op.Tensor{flip, optest.IntTensor(1, 1, 1, 2)},
			Attrs: optest.Attrs{optest.IntAttr("align_corners", 1)}},
		floatTensor([]int{1, 1, 2, 2}, 1, 0.5, -1, 0.5))
	for _, align := range []int64{0, 1} {
		a := optest.Attrs{optest.IntAttr("align_corners", align)}
		checkLinear(t, optest.Case{Op: "AffineGrid", Opset: 20,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 2, 3), optest.IntTensor(2, 3, 4, 1)}, Attrs: a,
			Wrt: []int{0}})
		checkLinear(t, optest.Case{Op: "AffineGrid", Opset: 20,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3, 4), optest.IntTensor(2, 3, 2, 3, 2)}, Attrs: a,
			Wrt: []int{0}})
	}
	expectError(t, "theta",
		optest.Case{Op: "AffineGrid", Opset: 20, Inputs: []*op.Tensor{flip, optest.IntTensor(2, 1, 2, 2)}}, op.ErrShape)
	expectError(t, "size",
		optest.Case{Op: "AffineGrid", Opset: 20, Inputs: []*op.Tensor{flip, optest.IntTensor(1)}}, op.ErrShape)
}
