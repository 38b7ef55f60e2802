package network

import (
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

func TestGather(t *testing.T) {
	x := counting(3, 2)
	axis1 := attrs{intAttr("axis", 1)}
	for name, c := range map[string]struct {
		c    gradCase
		want *op.Tensor
	}{
		"rows": {gradCase{op: "Gather", opset: 13, inputs: []*op.Tensor{x, intTensor(2, 0, -1)}},
			floatTensor([]int{3, 2}, 5, 6, 1, 2, 5, 6)},
		"columns": {gradCase{op: "Gather", opset: 13, inputs: []*op.Tensor{x, intTensor(-1)}, attrs: axis1},
			floatTensor([]int{3, 1}, 2, 4, 6)},
		"one row": {gradCase{op: "Gather", opset: 1, inputs: []*op.Tensor{x, shapedInts([]int{}, 1)}},
			floatTensor([]int{2}, 3, 4)},
		"nothing": {gradCase{op: "Gather", opset: 13, inputs: []*op.Tensor{x, intTensor()}}, floatTensor([]int{0, 2})},
		"elements": {gradCase{op: "GatherElements", opset: 13,
			inputs: []*op.Tensor{x, shapedInts([]int{1, 2}, 2, -3)}}, floatTensor([]int{1, 2}, 5, 2)},
		"tuples": {gradCase{op: "GatherND", opset: 13,
			inputs: []*op.Tensor{x, shapedInts([]int{2, 2}, 0, 1, -1, 0)}}, floatTensor([]int{2}, 2, 5)},
		"tuples of no index": {gradCase{op: "GatherND", opset: 13, inputs: []*op.Tensor{x, shapedInts([]int{2, 0})}},
			floatTensor([]int{2, 3, 2}, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6)},
		"tuples in batches": {gradCase{op: "GatherND", opset: 13,
			inputs: []*op.Tensor{x, shapedInts([]int{3, 1}, 1, 0, 1)},
			attrs:  attrs{intAttr("batch_dims", 1)}}, floatTensor([]int{3}, 2, 3, 6)},
	} {
		expectNode(t, name, c.c, c.want)
	}
	expectNode(t, "integers",
		gradCase{op: "Gather", opset: 13, inputs: []*op.Tensor{intTensor(7, 8, 9), intTensor(-1)}}, intTensor(9))
}

func TestGatherErrors(t *testing.T) {
	x := counting(3, 2)
	for name, c := range map[string]gradCase{
		"float indices": {op: "Gather", opset: 13, inputs: []*op.Tensor{x, counting(1)}},
		"axis": {op: "Gather", opset: 13, inputs: []*op.Tensor{x, intTensor(0)},
			attrs: attrs{intAttr("axis", 2)}},
		"scalar data":     {op: "Gather", opset: 13, inputs: []*op.Tensor{floatTensor([]int{}, 1), intTensor(0)}},
		"elements' rank":  {op: "GatherElements", opset: 13, inputs: []*op.Tensor{x, intTensor(0)}},
		"elements' shape": {op: "GatherElements", opset: 13, inputs: []*op.Tensor{x, shapedInts([]int{1, 3}, 0, 0, 0)}},
		"tuple too long":  {op: "GatherND", opset: 13, inputs: []*op.Tensor{x, intTensor(0, 0, 0)}},
		"scalar tuple":    {op: "GatherND", opset: 13, inputs: []*op.Tensor{x, shapedInts([]int{}, 0)}},
		"batch sizes": {op: "GatherND", opset: 13, inputs: []*op.Tensor{x, shapedInts([]int{2, 1}, 0, 0)},
			attrs: attrs{intAttr("batch_dims", 1)}},
		"batch axes": {op: "GatherND", opset: 13, inputs: []*op.Tensor{x, intTensor(0)},
			attrs: attrs{intAttr("batch_dims", 1)}},
		"no indices": {op: "GatherND", opset: 13, inputs: []*op.Tensor{x}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
}

// An index out of range names itself, whether it is known before the graph runs or not.
func TestGatherNamesBadIndex(t *testing.T) {
	for _, c := range []gradCase{
		{op: "Gather", opset: 13, inputs: []*op.Tensor{counting(3), intTensor(0, 3)}},
		{op: "Gather", opset: 13, inputs: []*op.Tensor{counting(3), intTensor(0, -4)}},
		{op: "GatherElements", opset: 13, inputs: []*op.Tensor{counting(3), intTensor(0, 3)}},
		{op: "GatherND", opset: 13, inputs: []*op.Tensor{counting(3), shapedInts([]int{2, 1}, 0, 3)}},
		{op: "ScatterElements", opset: 13, inputs: []*op.Tensor{counting(3), intTensor(0, 3), counting(2)}},
		{op: "GatherND", opset: 13, inputs: []*op.Tensor{floatTensor([]int{0}), shapedInts([]int{2, 1}, 0, 3)}},
	} {
		for _, hide := range [][]int{nil, {1}} {
			_, err := runNode(c, hide...)
			if err == nil || !isKind(err, op.ErrShape) || !strings.Contains(err.Error(), "out of range") {
				t.Errorf("%s: error %v, want one of kind %q that names the index", c.op, err, op.ErrShape)
			}
		}
	}
}

func TestGatherGradient(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		shape[axis] = d.between(1, 40)
		index := d.shape(d.IntN(3))
		checkLinear(t, gradCase{op: "Gather", opset: 13, attrs: attrs{intAttr("axis", given)}, wrt: []int{0},
			inputs: []*op.Tensor{randomTensor(seed, shape...),
				shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...)}})
	}
}

// Rows long enough to be shared among workers are added in the same order as by one.
func TestGatherGradientOfTable(t *testing.T) {
	d := newDraw(1)
	c := gradCase{op: "Gather", opset: 13,
		inputs: []*op.Tensor{randomTensor(1, 5, 48), shapedInts([]int{3, 11}, d.indices(33, 5)...)}, wrt: []int{0}}
	checkLinear(t, c)
	sameForAllWorkers(t, c)
}

func TestGatherElementsGradient(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		shape[axis] = d.between(1, 4)
		index := append([]int{}, shape...)
		index[axis] = d.IntN(6)
		checkLinear(t, gradCase{op: "GatherElements", opset: 13, attrs: attrs{intAttr("axis", given)}, wrt: []int{0},
			inputs: []*op.Tensor{randomTensor(seed, shape...),
				shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...)}})
	}
}

func TestGatherNDGradient(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		rank := d.between(1, 4)
		shape := d.shape(rank)
		batch := d.IntN(rank)
		depth := d.between(0, rank-batch)
		for k := batch; k < batch+depth; k++ {
			shape[k] = 3
		}
		index := append(append([]int{}, shape[:batch]...), d.IntN(4), depth)
		checkLinear(t,
			gradCase{op: "GatherND", opset: 13, attrs: attrs{intAttr("batch_dims", int64(batch))}, wrt: []int{0},
				inputs: []*op.Tensor{randomTensor(seed, shape...),
					shapedInts(index, d.indices(op.SizeOf(index), 3)...)}})
	}
}
