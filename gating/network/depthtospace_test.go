package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestDepthAndSpace(t *testing.T) {
	x := counting(1, 4, 1, 2)
	two := intAttr("blocksize", 2)
	spread := floatTensor([]int{1, 1, 2, 4}, 1, 3, 2, 4, 5, 7, 6, 8)
	expectNode(t, "depth to space",
		gradCase{op: "DepthToSpace", opset: 1, inputs: []*op.Tensor{x}, attrs: attrs{two}}, spread)
	expectNode(t, "space to depth",
		gradCase{op: "SpaceToDepth", opset: 13, inputs: []*op.Tensor{spread}, attrs: attrs{two}}, x)
	expectNode(t, "modes differ", gradCase{op: "DepthToSpace", opset: 11, inputs: []*op.Tensor{counting(1, 8, 1, 1)},
		attrs: attrs{two, stringAttr("mode", "CRD")}},
		floatTensor([]int{1, 2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8))
	for _, mode := range []string{"DCR", "CRD"} {
		checkLinear(t, gradCase{op: "DepthToSpace", opset: 13, inputs: []*op.Tensor{randomTensor(1, 2, 18, 2, 1)},
			attrs: attrs{intAttr("blocksize", 3), stringAttr("mode", mode)}, wrt: []int{0}})
	}
	checkLinear(t, gradCase{op: "SpaceToDepth", opset: 13, inputs: []*op.Tensor{randomTensor(1, 2, 3, 4, 6)},
		attrs: attrs{two}, wrt: []int{0}})
	expectError(t, "channels", gradCase{op: "DepthToSpace", opset: 13,
		inputs: []*op.Tensor{counting(1, 3, 1, 1)}, attrs: attrs{two}}, op.ErrShape)
	expectError(t, "pixels", gradCase{op: "SpaceToDepth", opset: 13,
		inputs: []*op.Tensor{counting(1, 1, 3, 2)}, attrs: attrs{two}}, op.ErrShape)
	expectError(t, "no size", gradCase{op: "SpaceToDepth", opset: 13, inputs: []*op.Tensor{x}}, op.ErrShape)
	expectError(t, "huge size", gradCase{op: "DepthToSpace", opset: 13, inputs: []*op.Tensor{x},
		attrs: attrs{intAttr("blocksize", 1<<32)}}, op.ErrShape)
	expectError(t, "mode", gradCase{op: "DepthToSpace", opset: 13, inputs: []*op.Tensor{x},
		attrs: attrs{two, stringAttr("mode", "X")}}, op.ErrUnsupported)
}

func TestCol2Im(t *testing.T) {
	columns := floatTensor([]int{1, 2, 3}, 1, 2, 3, 10, 20, 30) // blocks (1,10), (2,20), (3,30)
	image := func(n int64, block int64) []*op.Tensor { return []*op.Tensor{columns, intTensor(n), intTensor(block)} }
	expectNode(t, "overlap", gradCase{op: "Col2Im", opset: 18, inputs: image(4, 2)},
		floatTensor([]int{1, 1, 4}, 1, 12, 23, 30))
	expectNode(t, "strides", gradCase{op: "Col2Im", opset: 18, inputs: image(6, 2),
		attrs: attrs{intsAttr("strides", 2)}}, floatTensor([]int{1, 1, 6}, 1, 10, 2, 20, 3, 30))
	expectNode(t, "padding", gradCase{op: "Col2Im", opset: 18, inputs: image(2, 2),
		attrs: attrs{intsAttr("pads", 1, 1)}}, floatTensor([]int{1, 1, 2}, 12, 23))
	expectNode(t, "dilations", gradCase{op: "Col2Im", opset: 18, inputs: image(5, 2),
		attrs: attrs{intsAttr("dilations", 2)}}, floatTensor([]int{1, 1, 5}, 1, 2, 13, 20, 30))
	expectNode(t, "integers", gradCase{op: "Col2Im", opset: 18,
		inputs: []*op.Tensor{{Type: onnx.Int64, Shape: []int{1, 1, 2}, I: []int64{3, 4}}, intTensor(2), intTensor(1)}},
		shapedInts([]int{1, 1, 2}, 3, 4))
	checkLinear(t, gradCase{op: "Col2Im", opset: 18, wrt: []int{0},
		attrs:  attrs{intsAttr("strides", 2, 1), intsAttr("dilations", 1, 2), intsAttr("pads", 1, 0, 0, 2)},
		inputs: []*op.Tensor{randomTensor(1, 2, 3*6, 2*5), intTensor(5, 5), intTensor(3, 2)}})
	for name, c := range map[string]gradCase{
		"columns":   {op: "Col2Im", opset: 18, inputs: image(5, 2)},
		"block":     {op: "Col2Im", opset: 18, inputs: image(3, 4)},
		"no block":  {op: "Col2Im", opset: 18, inputs: image(3, 0)},
		"strides":   {op: "Col2Im", opset: 18, inputs: image(4, 2), attrs: attrs{intsAttr("strides", 0)}},
		"ranks":     {op: "Col2Im", opset: 18, inputs: image(4, 2), attrs: attrs{intsAttr("pads", 0)}},
		"huge":      {op: "Col2Im", opset: 18, inputs: image(1<<40, 2)},
		"not [NCL]": {op: "Col2Im", opset: 18, inputs: []*op.Tensor{counting(4), intTensor(4), intTensor(1)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
}
