package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestDepthAndSpace(t *testing.T) {
	x := counting(1, 4, 1, 2)
	two := optest.IntAttr("blocksize", 2)
	spread := floatTensor([]int{1, 1, 2, 4}, 1, 3, 2, 4, 5, 7, 6, 8)
	expectNode(t, "depth to space",
		optest.Case{Op: "DepthToSpace", Opset: 1, Inputs: []*op.Tensor{x}, Attrs: optest.Attrs{two}}, spread)
	expectNode(t, "space to depth",
		optest.Case{Op: "SpaceToDepth", Opset: 13, Inputs: []*op.Tensor{spread}, Attrs: optest.Attrs{two}}, x)
	expectNode(t, "modes differ", optest.Case{Op: "DepthToSpace", Opset: 11, Inputs: []*op.Tensor{counting(1, 8, 1, 1)},
		Attrs: optest.Attrs{two, optest.StringAttr("mode", "CRD")}},
		floatTensor([]int{1, 2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8))
	for _, mode := range []string{"DCR", "CRD"} {
		checkLinear(t,
			optest.Case{Op: "DepthToSpace", Opset: 13, Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 18, 2, 1)},
				Attrs: optest.Attrs{optest.IntAttr("blocksize", 3), optest.StringAttr("mode", mode)}, Wrt: []int{0}})
	}
	checkLinear(t, optest.Case{Op: "SpaceToDepth", Opset: 13, Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3, 4, 6)},
		Attrs: optest.Attrs{two}, Wrt: []int{0}})
	expectError(t, "channels", optest.Case{Op: "DepthToSpace", Opset: 13,
		Inputs: []*op.Tensor{counting(1, 3, 1, 1)}, Attrs: optest.Attrs{two}}, op.ErrShape)
	expectError(t, "pixels", optest.Case{Op: "SpaceToDepth", Opset: 13,
		Inputs: []*op.Tensor{counting(1, 1, 3, 2)}, Attrs: optest.Attrs{two}}, op.ErrShape)
	expectError(t, "no size", optest.Case{Op: "SpaceToDepth", Opset: 13, Inputs: []*op.Tensor{x}}, op.ErrShape)
	expectError(t, "huge size", optest.Case{Op: "DepthToSpace", Opset: 13, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{optest.IntAttr("blocksize", 1<<32)}}, op.ErrShape)
	expectError(t, "mode", optest.Case{Op: "DepthToSpace", Opset: 13, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{two, optest.StringAttr("mode", "X")}}, op.ErrUnsupported)
}

func TestCol2Im(t *testing.T) {
	columns := floatTensor([]int{1, 2, 3}, 1, 2, 3, 10, 20, 30) // blocks (1,10), (2,20), (3,30)
	image := func(n int64, block int64) []*op.Tensor {
		return []*op.Tensor{columns, optest.IntTensor(n), optest.IntTensor(block)}
	}
	expectNode(t, "overlap", optest.Case{Op: "Col2Im", Opset: 18, Inputs: image(4, 2)},
		floatTensor([]int{1, 1, 4}, 1, 12, 23, 30))
	expectNode(t, "strides", optest.Case{Op: "Col2Im", Opset: 18, Inputs: image(6, 2),
		Attrs: optest.Attrs{optest.IntsAttr("strides", 2)}}, floatTensor([]int{1, 1, 6}, 1, 10, 2, 20, 3, 30))
	expectNode(t, "padding", optest.Case{Op: "Col2Im", Opset: 18, Inputs: image(2, 2),
		Attrs: optest.Attrs{optest.IntsAttr("pads", 1, 1)}}, floatTensor([]int{1, 1, 2}, 12, 23))
	expectNode(t, "dilations", optest.Case{Op: "Col2Im", Opset: 18, Inputs: image(5, 2),
		Attrs: optest.Attrs{optest.IntsAttr("dilations", 2)}}, floatTensor([]int{1, 1, 5}, 1, 2, 13, 20, 30))
	expectNode(t, "integers", optest.Case{Op: "Col2Im", Opset: 18,
		Inputs: []*op.Tensor{{Type: onnx.Int64, Shape: []int{1, 1, 2}, I: []int64{3, 4}},
			optest.IntTensor(2), optest.IntTensor(1)}},
		shapedInts([]int{1, 1, 2}, 3, 4))
	checkLinear(t, optest.Case{Op: "Col2Im", Opset: 18, Wrt: []int{0},
		Attrs: optest.Attrs{optest.IntsAttr("strides", 2, 1), optest.IntsAttr("dilations", 1, 2),
			optest.IntsAttr("pads", 1, 0, 0, 2)},
		Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3*6, 2*5), optest.IntTensor(5, 5), optest.IntTensor(3, 2)}})
	for name, c := range map[string]optest.Case{
		"columns":  {Op: "Col2Im", Opset: 18, Inputs: image(5, 2)},
		"block":    {Op: "Col2Im", Opset: 18, Inputs: image(3, 4)},
		"no block": {Op: "Col2Im", Opset: 18, Inputs: image(3, 0)},
		"strides":  {Op: "Col2Im", Opset: 18, Inputs: image(4, 2), Attrs: optest.Attrs{optest.IntsAttr("strides", 0)}},
		"ranks":    {Op: "Col2Im", Opset: 18, Inputs: image(4, 2), Attrs: optest.Attrs{optest.IntsAttr("pads", 0)}},
		"huge":     {Op: "Col2Im", Opset: 18, Inputs: image(1<<40, 2)},
		"not [NCL]": {Op: "Col2Im", Opset: 18,
			Inputs: []*op.Tensor{counting(4), optest.IntTensor(4), optest.IntTensor(1)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
}
