package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
)

// Symmetry is what may be reordered in a model without changing what it computes: sets of hidden units, and the axes
// of all parameters that count them.
type Symmetry struct {
	Blocks       []*Block
	LayerOutputs []LayerOutput
	Sets         []*Set // that may be reordered, in the order their layers come
}

// LayerOutput is the axis of a layer's output that counts its units.
type LayerOutput struct {
	Unit    *flow.Unit
	FromEnd int // 1 for the last axis
	axis    axis
}

// Spans are the sets along the axis that may be reordered.
func (o *LayerOutput) Spans() []Span { return o.axis.spans() }

// Block is a parameter, or a block of one such as a group's or a direction's, with what its axes count.
type Block struct {
	Unit  *flow.Unit
	Param *flow.Param
	First int   // offset of the block's first element in the stored tensor
	Shape []int // of the block; its elements are consecutive
	axes  []axis
}

// Spans are the sets along axis k of the block that may be reordered.
func (b *Block) Spans(k int) []Span { return b.axes[k].spans() }

// Movable tells whether any of the axes counts units that may be reordered.
func (b *Block) Movable() bool {
	return slices.ContainsFunc(b.axes, func(a axis) bool { return len(a.spans()) > 0 })
}

// Size is the number of elements.
func (b *Block) Size() int {
	n := 1
	for _, d := range b.Shape {
		n *= d
	}
	return n
}

// freeze fixes the order along all axes.
func (b *Block) freeze() {
	for _, a := range b.axes {
		a.freeze()
	}
}

// record records what the axes of a parameter count, given for the axes that the reader sees.
func (t *tracer) record(p *flow.Param, seen []axis) {
	b := &Block{Unit: t.owner[p], Param: p, Shape: p.C.FileShape()}
	b.axes = make([]axis, len(b.Shape))
	for i, a := range seen {
		k := p.C.TensorAxis(i)
		if k < 0 || p.C.Shape[i] != b.Shape[k] {
			a.freeze()
			continue
		}
		b.axes[k] = a
	}
	t.Blocks = append(t.Blocks, b)
}

// freezeConflicts freezes what the blocks contradict: segments of unknown length, axes that count heads, and a constant
// that two parameters read through one and the same node, which no edit could reorder for one alone.
func (t *tracer) freezeConflicts() {
	first := map[onnx.Site]*Block{}
	for _, b := range t.Blocks {
		for i, a := range b.axes {
			if a.free() && (a.countsHeads() || lengthOf(a.segments) != b.Shape[i]) {
				a.freeze()
			}
		}
		for _, at := range b.Param.At {
			site := at.Site(b.Param.C)
			if other := first[site]; other == nil {
				first[site] = b
			} else if other.Param != b.Param {
				b.freeze()
				other.freeze()
			}
		}
	}
}

// countsHeads tells whether an axis counts heads or the units within one.
func (a axis) countsHeads() bool {
	return slices.ContainsFunc(a.segments, func(s segment) bool { return s.counts != units })
}

// collect lists the sets that may be reordered, each once.
func (t *tracer) collect() {
	seen := map[*Set]bool{}
	for _, b := range t.Blocks {
		for _, a := range b.axes {
			for _, h := range a.leaves() {
				if !seen[h] && h.movable() {
					seen[h] = true
					h.number = len(t.Sets)
					t.Sets = append(t.Sets, h)
				}
			}
		}
	}
}

// leaves are the parts of all sets along an axis.
func (a axis) leaves() (list []*Set) {
	for _, set := range a.sets() {
		list = append(list, set.leaves()...)
	}
	return list
}
