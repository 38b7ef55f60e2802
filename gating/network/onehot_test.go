package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestSelect(t *testing.T) {
	known := shapedInts([]int{2, 3}, 0, 5, 0, 7, 0, 5)
	expectNode(t, "nonzero", gradCase{op: "NonZero", opset: 13, inputs: []*op.Tensor{known}},
		shapedInts([]int{2, 3}, 0, 1, 1, 1, 0, 2))
	expectNode(t, "nonzero scalar",
		gradCase{op: "NonZero", opset: 13, inputs: []*op.Tensor{shapedInts([]int{}, 4)}}, shapedInts([]int{0, 1}))
	expectNode(t, "unique", gradCase{op: "Unique", opset: 11, inputs: []*op.Tensor{known}},
		intTensor(0, 5, 7), intTensor(0, 1, 3), intTensor(0, 1, 0, 2, 0, 1), intTensor(3, 2, 1))
	expectNode(t, "unique in order",
		gradCase{op: "Unique", opset: 11, inputs: []*op.Tensor{intTensor(7, 5, 7)}, attrs: attrs{intAttr("sorted", 0)}},
		intTensor(7, 5), intTensor(0, 1), intTensor(0, 1, 0), intTensor(2, 1))
	expectNode(t, "unique columns", gradCase{op: "Unique", opset: 11,
		inputs: []*op.Tensor{shapedInts([]int{2, 3}, 2, 1, 2, 3, 4, 3)}, attrs: attrs{intAttr("axis", 1)}},
		shapedInts([]int{2, 2}, 1, 2, 4, 3), intTensor(1, 0), intTensor(1, 0, 1), intTensor(1, 2))
	x := counting(2, 3)
	expectNode(t, "compress columns", gradCase{op: "Compress", opset: 11, inputs: []*op.Tensor{x, bools(false, true)},
		attrs: attrs{intAttr("axis", -1)}}, floatTensor([]int{2, 1}, 2, 5))
	expectNode(t, "compress flat", gradCase{op: "Compress", opset: 9,
		inputs: []*op.Tensor{x, bools(false, true, false, false, true)}}, floatTensor([]int{2}, 2, 5))
	checkLinear(t,
		gradCase{op: "Compress", opset: 11, inputs: []*op.Tensor{randomTensor(1, 3, 4),
			bools(true, false, false, true)}, attrs: attrs{intAttr("axis", 1)}, wrt: []int{0}})
	expectError(t, "long condition",
		gradCase{op: "Compress", opset: 11, inputs: []*op.Tensor{counting(1), bools(true, true)}}, op.ErrShape)
	for _, c := range []gradCase{
		{op: "NonZero", opset: 13, inputs: []*op.Tensor{x}},
		{op: "Unique", opset: 11, inputs: []*op.Tensor{x}},
		{op: "Compress", opset: 11, inputs: []*op.Tensor{x, bools(true)}},
	} {
		expectError(t, "size from data", c, op.ErrUnsupported, 1)
	}
}

func bools(v ...bool) *op.Tensor {
	t := &op.Tensor{Type: onnx.Bool, Shape: []int{len(v)}, I: make([]int64, len(v))}
	for i, b := range v {
		if b {
			t.I[i] = 1
		}
	}
	return t
}

func TestOneHot(t *testing.T) {
	values := floatTensor([]int{2}, -1, 1)
	expectNode(t, "last axis",
		gradCase{op: "OneHot", opset: 11, inputs: []*op.Tensor{intTensor(1, -1, 3), intTensor(2), values}},
		floatTensor([]int{3, 2}, -1, 1, -1, 1, -1, -1))
	expectNode(t, "first axis",
		gradCase{op: "OneHot", opset: 9, inputs: []*op.Tensor{floatTensor([]int{2}, 0, 1), intTensor(2),
			intTensor(5, 6)}, attrs: attrs{intAttr("axis", 0)}},
		shapedInts([]int{2, 2}, 6, 5, 5, 6))
	expectError(t, "negative depth",
		gradCase{op: "OneHot", opset: 11, inputs: []*op.Tensor{intTensor(1), intTensor(-1), values}}, op.ErrShape)
	expectError(t, "huge depth",
		gradCase{op: "OneHot", opset: 11, inputs: []*op.Tensor{intTensor(1), intTensor(1 << 39), values}}, op.ErrShape)
	expectError(t, "values",
		gradCase{op: "OneHot", opset: 11, inputs: []*op.Tensor{intTensor(1), intTensor(2), counting(3)}}, op.ErrShape)
	expectError(t, "depth from data", gradCase{op: "OneHot", opset: 11,
		inputs: []*op.Tensor{intTensor(1), intTensor(2), values}}, op.ErrUnsupported, 1)
}

func TestShapesAndRanges(t *testing.T) {
	x := counting(2, 1, 3)
	for name, c := range map[string]struct {
		c    gradCase
		want *op.Tensor
	}{
		"shape": {gradCase{op: "Shape", opset: 1, inputs: []*op.Tensor{x}}, intTensor(2, 1, 3)},
		"shape part": {gradCase{op: "Shape", opset: 15, inputs: []*op.Tensor{x},
			attrs: attrs{intAttr("start", -2), intAttr("end", 9)}}, intTensor(1, 3)},
		"shape nothing": {gradCase{op: "Shape", opset: 15, inputs: []*op.Tensor{x},
			attrs: attrs{intAttr("start", 2), intAttr("end", 1)}}, intTensor()},
		"size": {gradCase{op: "Size", opset: 13, inputs: []*op.Tensor{x}}, shapedInts([]int{}, 6)},
		"range": {gradCase{op: "Range", opset: 11,
			inputs: []*op.Tensor{intTensor(10), intTensor(4), intTensor(-3)}}, intTensor(10, 7)},
		"empty range": {gradCase{op: "Range", opset: 11,
			inputs: []*op.Tensor{intTensor(1), intTensor(1), intTensor(1)}}, intTensor()},
		"zeros": {gradCase{op: "ConstantOfShape", opset: 9,
			inputs: []*op.Tensor{intTensor(1, 2)}}, floatTensor([]int{1, 2}, 0, 0)},
		"zero scalar": {gradCase{op: "ConstantOfShape", opset: 9,
			inputs: []*op.Tensor{intTensor()}}, floatTensor([]int{}, 0)},
		"eye": {gradCase{op: "EyeLike", opset: 9, inputs: []*op.Tensor{counting(2, 3)},
			attrs: attrs{intAttr("k", 1), intAttr("dtype", int64(onnx.Int64))}},
			shapedInts([]int{2, 3}, 0, 1, 0, 0, 0, 1)},
		"eye far off": {gradCase{op: "EyeLike", opset: 9, inputs: []*op.Tensor{counting(1, 2)},
			attrs: attrs{intAttr("k", -1<<63)}}, floatTensor([]int{1, 2}, 0, 0)},
	} {
		expectNode(t, name, c.c, c.want)
	}
	for name, c := range map[string]gradCase{
		"range step 0": {op: "Range", opset: 11, inputs: []*op.Tensor{intTensor(0), intTensor(1), intTensor(0)}},
		"range too long": {op: "Range", opset: 11,
			inputs: []*op.Tensor{intTensor(0), intTensor(1 << 62), intTensor(1)}},
		"range types":   {op: "Range", opset: 11, inputs: []*op.Tensor{intTensor(0), counting(1), intTensor(1)}},
		"huge":          {op: "ConstantOfShape", opset: 9, inputs: []*op.Tensor{intTensor(1<<40, 1<<40)}},
		"negative":      {op: "ConstantOfShape", opset: 9, inputs: []*op.Tensor{intTensor(-1)}},
		"eye of vector": {op: "EyeLike", opset: 9, inputs: []*op.Tensor{counting(3)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
	expectError(t, "range from data", gradCase{op: "Range", opset: 11,
		inputs: []*op.Tensor{intTensor(0), intTensor(1), intTensor(1)}}, op.ErrUnsupported, 1)
	expectError(t, "float range from data", gradCase{op: "Range", opset: 11,
		inputs: []*op.Tensor{counting(1), counting(1), counting(1)}}, op.ErrUnsupported)
}
