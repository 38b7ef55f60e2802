package network

import (
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestGather(t *testing.T) {
	x := counting(3, 2)
	axis1 := optest.Attrs{optest.IntAttr("axis", 1)}
	for name, c := range map[string]struct {
		c    optest.Case
		want *op.Tensor
	}{
		"rows": {optest.Case{Op: "Gather", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(2, 0, -1)}},
			floatTensor([]int{3, 2}, 5, 6, 1, 2, 5, 6)},
		"columns": {optest.Case{Op: "Gather", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(-1)}, Attrs: axis1},
			floatTensor([]int{3, 1}, 2, 4, 6)},
		"one row": {optest.Case{Op: "Gather", Opset: 1, Inputs: []*op.Tensor{x, shapedInts([]int{}, 1)}},
			floatTensor([]int{2}, 3, 4)},
		"nothing": {optest.Case{Op: "Gather", Opset: 13,
			Inputs: []*op.Tensor{x, optest.IntTensor()}}, floatTensor([]int{0, 2})},
		"elements": {optest.Case{Op: "GatherElements", Opset: 13,
			Inputs: []*op.Tensor{x, shapedInts([]int{1, 2}, 2, -3)}}, floatTensor([]int{1, 2}, 5, 2)},
		"tuples": {optest.Case{Op: "GatherND", Opset: 13,
			Inputs: []*op.Tensor{x, shapedInts([]int{2, 2}, 0, 1, -1, 0)}}, floatTensor([]int{2}, 2, 5)},
		"tuples of no index": {optest.Case{Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{x, shapedInts([]int{2, 0})}},
			floatTensor([]int{2, 3, 2}, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6)},
		"tuples in batches": {optest.Case{Op: "GatherND", Opset: 13,
			Inputs: []*op.Tensor{x, shapedInts([]int{3, 1}, 1, 0, 1)},
			Attrs:  optest.Attrs{optest.IntAttr("batch_dims", 1)}}, floatTensor([]int{3}, 2, 3, 6)},
	} {
		expectNode(t, name, c.c, c.want)
	}
	expectNode(t, "integers",
		optest.Case{Op: "Gather", Opset: 13, Inputs: []*op.Tensor{optest.IntTensor(7, 8, 9), optest.IntTensor(-1)}},
		optest.IntTensor(9))
}

func TestGatherErrors(t *testing.T) {
	x := counting(3, 2)
	for name, c := range map[string]optest.Case{
		"float indices": {Op: "Gather", Opset: 13, Inputs: []*op.Tensor{x, counting(1)}},
		"axis": {Op: "Gather", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0)},
			Attrs: optest.Attrs{optest.IntAttr("axis", 2)}},
		"scalar data": {Op: "Gather", Opset: 13,
			Inputs: []*op.Tensor{floatTensor([]int{}, 1), optest.IntTensor(0)}},
		"elements' rank":  {Op: "GatherElements", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0)}},
		"elements' shape": {Op: "GatherElements", Opset: 13, Inputs: []*op.Tensor{x, shapedInts([]int{1, 3}, 0, 0, 0)}},
		"tuple too long":  {Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0, 0, 0)}},
		"scalar tuple":    {Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{x, shapedInts([]int{}, 0)}},
		"batch sizes": {Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{x, shapedInts([]int{2, 1}, 0, 0)},
			Attrs: optest.Attrs{optest.IntAttr("batch_dims", 1)}},
		"batch axes": {Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0)},
			Attrs: optest.Attrs{optest.IntAttr("batch_dims", 1)}},
		"no indices": {Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{x}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
}

// An index out of range names itself, whether it is known before the graph runs or not.
func TestGatherNamesBadIndex(t *testing.T) {
	for _, c := range []optest.Case{
		{Op: "Gather", Opset: 13, Inputs: []*op.Tensor{counting(3), optest.IntTensor(0, 3)}},
		{Op: "Gather", Opset: 13, Inputs: []*op.Tensor{counting(3), optest.IntTensor(0, -4)}},
		{Op: "GatherElements", Opset: 13, Inputs: []*op.Tensor{counting(3), optest.IntTensor(0, 3)}},
		{Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{counting(3), shapedInts([]int{2, 1}, 0, 3)}},
		{Op: "ScatterElements", Opset: 13, Inputs: []*op.Tensor{counting(3), optest.IntTensor(0, 3), counting(2)}},
		{Op: "GatherND", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{0}), shapedInts([]int{2, 1}, 0, 3)}},
	} {
		for _, hide := range [][]int{nil, {1}} {
			_, err := runNode(c, hide...)
			if err == nil || !isKind(err, op.ErrShape) || !strings.Contains(err.Error(), "out of range") {
				t.Errorf("%s: error %v, want one of kind %q that names the index", c.Op, err, op.ErrShape)
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
		checkLinear(t,
			optest.Case{Op: "Gather", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("axis", given)}, Wrt: []int{0},
				Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...),
					shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...)}})
	}
}

// Rows long enough to be shared among workers are added in the same order as by one.
func TestGatherGradientOfTable(t *testing.T) {
	d := newDraw(1)
	c := optest.Case{Op: "Gather", Opset: 13,
		Inputs: []*op.Tensor{optest.RandomTensor(1, 5, 48), shapedInts([]int{3, 11}, d.indices(33, 5)...)},
		Wrt:    []int{0}}
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
		checkLinear(t, optest.Case{Op: "GatherElements", Opset: 13,
			Attrs: optest.Attrs{optest.IntAttr("axis", given)}, Wrt: []int{0},
			Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...),
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
			optest.Case{Op: "GatherND", Opset: 13,
				Attrs: optest.Attrs{optest.IntAttr("batch_dims", int64(batch))}, Wrt: []int{0},
				Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...),
					shapedInts(index, d.indices(op.SizeOf(index), 3)...)}})
	}
}
