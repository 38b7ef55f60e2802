package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// remap is every operator that copies elements axis by axis: slices, padding,
// tiling, broadcasting, nearest-neighbour resizing. What differs is only which
// index of each axis is read.
type remap struct {
	plan *kernel.Remap
	fill int // which input holds the value of elements that read nothing; -1 for the constant below
	def  float32
}

// newRemap returns the operator that reads index maps[k][i] along axis k of input 0, and the spec of its output. A
// nil map copies the axis. Where every map is nil the output is a view of the input.
func (c *call) newRemap(maps [][]int) (Operator, []Spec, error) {
	return c.newRemapOf(c.in[0].Shape, maps, -1, 0)
}

// newRemapOf is newRemap for input 0 under another shape. Where a map has -1 the output takes the only element of
// input fill, or def where fill is -1.
func (c *call) newRemapOf(shape []int, maps [][]int, fill int, def float32) (Operator, []Spec, error) {
	spec := Spec{c.in[0].Type, slices.Clone(shape)}
	changed := false
	for k, m := range maps {
		if m != nil {
			changed = true
			spec.Shape[k] = len(m)
		}
	}
	if !changed {
		return c.asView(0, spec)
	}
	return &remap{kernel.NewRemap(shape, maps), fill, def}, []Spec{spec}, nil
}

// Forward copies.
func (op *remap) Forward(x *Context, in, out []*Tensor) error {
	if out[0].Spec().IsFloat() {
		v := op.def
		if op.fill >= 0 {
			v = in[op.fill].F[0]
		}
		kernel.Copy(x.Workers, out[0].F, in[0].F, op.plan, v)
		return nil
	}
	v := wrapInt(out[0].Type, int64(op.def))
	if op.fill >= 0 {
		v = in[op.fill].I[0]
	}
	kernel.Copy(x.Workers, out[0].I, in[0].I, op.plan, v)
	return nil
}

// Backward sums dy over the elements that read each element of the input, or the fill value.
func (op *remap) Backward(x *Context, i, _ int, in, _ []*Tensor, dy, dx *Tensor) error {
	if i != 0 {
		filled := make([]float32, dy.Len())
		kernel.Copy(x.Workers, filled, make([]float32, in[0].Len()), op.plan, 1)
		var sum float64
		for e, v := range filled {
			sum += float64(v) * float64(dy.F[e])
		}
		dx.F[0] = float32(sum)
		return nil
	}
	kernel.CopyBackward(x.Workers, dx.F, dy.F, op.plan)
	return nil
}

// GradientReads says what Backward reads.
func (*remap) GradientReads(_, _ int) reads { return nothing }
