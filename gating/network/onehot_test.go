package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestSelect(t *testing.T) {
	known := shapedInts([]int{2, 3}, 0, 5, 0, 7, 0, 5)
	expectNode(t, "nonzero", optest.Case{Op: "NonZero", Opset: 13, Inputs: []*op.Tensor{known}},
		shapedInts([]int{2, 3}, 0, 1, 1, 1, 0, 2))
	expectNode(t, "nonzero scalar",
		optest.Case{Op: "NonZero", Opset: 13, Inputs: []*op.Tensor{shapedInts([]int{}, 4)}}, shapedInts([]int{0, 1}))
	expectNode(t, "unique", optest.Case{Op: "Unique", Opset: 11, Inputs: []*op.Tensor{known}},
		optest.IntTensor(0, 5, 7), optest.IntTensor(0, 1, 3), optest.IntTensor(0, 1, 0, 2, 0, 1),
		optest.IntTensor(3, 2, 1))
	expectNode(t, "unique in order",
		optest.Case{Op: "Unique", Opset: 11, Inputs: []*op.Tensor{optest.IntTensor(7, 5, 7)},
			Attrs: optest.Attrs{optest.IntAttr("sorted", 0)}},
		optest.IntTensor(7, 5), optest.IntTensor(0, 1), optest.IntTensor(0, 1, 0), optest.IntTensor(2, 1))
	expectNode(t, "unique columns", optest.Case{Op: "Unique", Opset: 11,
		Inputs: []*op.Tensor{shapedInts([]int{2, 3}, 2, 1, 2, 3, 4, 3)},
		Attrs:  optest.Attrs{optest.IntAttr("axis", 1)}},
		shapedInts([]int{2, 2}, 1, 2, 4, 3), optest.IntTensor(1, 0), optest.IntTensor(1, 0, 1), optest.IntTensor(1, 2))
	x := counting(2, 3)
	expectNode(t, "compress columns",
		optest.Case{Op: "Compress", Opset: 11, Inputs: []*op.Tensor{x, bools(false, true)},
			Attrs: optest.Attrs{optest.IntAttr("axis", -1)}}, floatTensor([]int{2, 1}, 2, 5))
	expectNode(t, "compress flat", optest.Case{Op: "Compress", Opset: 9,
		Inputs: []*op.Tensor{x, bools(false, true, false, false, true)}}, floatTensor([]int{2}, 2, 5))
	checkLinear(t,
		optest.Case{Op: "Compress", Opset: 11, Inputs: []*op.Tensor{optest.RandomTensor(1, 3, 4),
			bools(true, false, false, true)}, Attrs: optest.Attrs{optest.IntAttr("axis", 1)}, Wrt: []int{0}})
	expectError(t, "long condition",
		optest.Case{Op: "Compress", Opset: 11, Inputs: []*op.Tensor{counting(1), bools(true, true)}}, op.ErrShape)
	for _, c := range []optest.Case{
		{Op: "NonZero", Opset: 13, Inputs: []*op.Tensor{x}},
		{Op: "Unique", Opset: 11, Inputs: []*op.Tensor{x}},
		{Op: "Compress", Opset: 11, Inputs: []*op.Tensor{x, bools(true)}},
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
		optest.Case{Op: "OneHot", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(1, -1, 3), optest.IntTensor(2), values}},
		floatTensor([]int{3, 2}, -1, 1, -1, 1, -1, -1))
	expectNode(t, "first axis",
		optest.Case{Op: "OneHot", Opset: 9, Inputs: []*op.Tensor{floatTensor([]int{2}, 0, 1), optest.IntTensor(2),
			optest.IntTensor(5, 6)}, Attrs: optest.Attrs{optest.IntAttr("axis", 0)}},
		shapedInts([]int{2, 2}, 6, 5, 5, 6))
	expectError(t, "negative depth",
		optest.Case{Op: "OneHot", Opset: 11, Inputs: []*op.Tensor{optest.IntTensor(1), optest.IntTensor(-1), values}},
		op.ErrShape)
	expectError(t, "huge depth",
		optest.Case{Op: "OneHot", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(1), optest.IntTensor(1 << 39), values}}, op.ErrShape)
	expectError(t, "values",
		optest.Case{Op: "OneHot", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(1), optest.IntTensor(2), counting(3)}}, op.ErrShape)
	expectError(t, "depth from data", optest.Case{Op: "OneHot", Opset: 11,
		Inputs: []*op.Tensor{optest.IntTensor(1), optest.IntTensor(2), values}}, op.ErrUnsupported, 1)
}

func TestShapesAndRanges(t *testing.T) {
	x := counting(2, 1, 3)
	for name, c := range map[string]struct {
		c    optest.Case
		want *op.Tensor
	}{
		"shape": {optest.Case{Op: "Shape", Opset: 1, Inputs: []*op.Tensor{x}}, optest.IntTensor(2, 1, 3)},
		"shape part": {optest.Case{Op: "Shape", Opset: 15, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntAttr("start", -2), optest.IntAttr("end", 9)}}, optest.IntTensor(1, 3)},
		"shape nothing": {optest.Case{Op: "Shape", Opset: 15, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntAttr("start", 2), optest.IntAttr("end", 1)}}, optest.IntTensor()},
		"size": {optest.Case{Op: "Size", Opset: 13, Inputs: []*op.Tensor{x}}, shapedInts([]int{}, 6)},
		"range": {optest.Case{Op: "Range", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(10), optest.IntTensor(4), optest.IntTensor(-3)}},
			optest.IntTensor(10, 7)},
		"empty range": {optest.Case{Op: "Range", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(1), optest.IntTensor(1), optest.IntTensor(1)}}, optest.IntTensor()},
		"zeros": {optest.Case{Op: "ConstantOfShape", Opset: 9,
			Inputs: []*op.Tensor{optest.IntTensor(1, 2)}}, floatTensor([]int{1, 2}, 0, 0)},
		"zero scalar": {optest.Case{Op: "ConstantOfShape", Opset: 9,
			Inputs: []*op.Tensor{optest.IntTensor()}}, floatTensor([]int{}, 0)},
		"eye": {optest.Case{Op: "EyeLike", Opset: 9, Inputs: []*op.Tensor{counting(2, 3)},
			Attrs: optest.Attrs{optest.IntAttr("k", 1), optest.IntAttr("dtype", int64(onnx.Int64))}},
			shapedInts([]int{2, 3}, 0, 1, 0, 0, 0, 1)},
		"eye far off": {optest.Case{Op: "EyeLike", Opset: 9, Inputs: []*op.Tensor{counting(1, 2)},
			Attrs: optest.Attrs{optest.IntAttr("k", -1<<63)}}, floatTensor([]int{1, 2}, 0, 0)},
	} {
		expectNode(t, name, c.c, c.want)
	}
	for name, c := range map[string]optest.Case{
		"range step 0": {Op: "Range", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(0), optest.IntTensor(1), optest.IntTensor(0)}},
		"range too long": {Op: "Range", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(0), optest.IntTensor(1 << 62), optest.IntTensor(1)}},
		"range types": {Op: "Range", Opset: 11,
			Inputs: []*op.Tensor{optest.IntTensor(0), counting(1), optest.IntTensor(1)}},
		"huge":          {Op: "ConstantOfShape", Opset: 9, Inputs: []*op.Tensor{optest.IntTensor(1<<40, 1<<40)}},
		"negative":      {Op: "ConstantOfShape", Opset: 9, Inputs: []*op.Tensor{optest.IntTensor(-1)}},
		"eye of vector": {Op: "EyeLike", Opset: 9, Inputs: []*op.Tensor{counting(3)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
	expectError(t, "range from data", optest.Case{Op: "Range", Opset: 11,
		Inputs: []*op.Tensor{optest.IntTensor(0), optest.IntTensor(1), optest.IntTensor(1)}}, op.ErrUnsupported, 1)
	expectError(t, "float range from data", optest.Case{Op: "Range", Opset: 11,
		Inputs: []*op.Tensor{counting(1), counting(1), counting(1)}}, op.ErrUnsupported)
}
