package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
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
func newRemap(c *op.Call, maps [][]int) (op.Operator, []op.Spec, error) {
	return NewRemapOf(c, c.In[0].Shape, maps, -1, 0)
}

// NewRemapOf is newRemap for input 0 under another shape. Where a map has -1 the output takes the only element of
// input fill, or def where fill is -1.
func NewRemapOf(c *op.Call, shape []int, maps [][]int, fill int, def float32) (op.Operator, []op.Spec, error) {
	spec := op.Spec{Type: c.In[0].Type, Shape: slices.Clone(shape)}
	changed := false
	for k, m := range maps {
		if m != nil {
			changed = true
			spec.Shape[k] = len(m)
		}
	}
	if !changed {
		return c.AsView(0, spec)
	}
	return &remap{kernel.NewRemap(shape, maps), fill, def}, []op.Spec{spec}, nil
}

// Forward copies.
func (o *remap) Forward(x *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		v := o.def
		if o.fill >= 0 {
			v = in[o.fill].F[0]
		}
		kernel.Copy(x.Workers, out[0].F, in[0].F, o.plan, v)
		return nil
	}
	v := op.WrapInt(out[0].Type, int64(o.def))
	if o.fill >= 0 {
		v = in[o.fill].I[0]
	}
	kernel.Copy(x.Workers, out[0].I, in[0].I, o.plan, v)
	return nil
}

// Backward sums dy over the elements that read each element of the input, or the fill value.
func (op *remap) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
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
func (*remap) GradientReads(_, _ int) op.Reads { return op.Nothing }
