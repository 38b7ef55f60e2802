package spatial

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// resample interpolates axis by axis, which for linear and cubic interpolation
// is the same as all axes at once.
type resample struct {
	steps   []resampleStep
	outside [][]bool // for each axis the output indices that fall outside the input; nil if none
	fill    float32  // what stands there
	scratch [2][]float32
}

// resampleStep is the interpolation along one axis of a tensor seen as [outer, n, inner].
type resampleStep struct {
	outer, inner  int
	taps, reverse *kernel.Taps
}

// Forward interpolates along one axis after another.
func (r *resample) Forward(x *op.Context, in, out []*op.Tensor) error {
	src := in[0].F
	for i, s := range r.steps {
		dst := out[0].F
		if i < len(r.steps)-1 {
			dst = r.buffer(i, s.outer*s.taps.Out()*s.inner)
		}
		kernel.Resample(x.Workers, dst, src, s.taps, s.outer, s.inner)
		src = dst
	}
	for axis, outside := range r.outside {
		l := op.LanesOf(out[0].Shape, axis)
		for i, is := range outside {
			for o := 0; is && o < l.Outer; o++ {
				op.FillAll(out[0].F[(o*l.N+i)*l.Inner:(o*l.N+i+1)*l.Inner], r.fill)
			}
		}
	}
	return nil
}

// buffer returns scratch memory for the result of step i; two steps in a row have different buffers.
func (op *resample) buffer(i, n int) []float32 {
	b := &op.scratch[i%2]
	if cap(*b) < n {
		*b = make([]float32, n)
	}
	return (*b)[:n]
}

// Backward applies the transposed matrices in reverse order. Elements outside have no weights and pass nothing back.
func (op *resample) Backward(x *op.Context, _, _ int, _, out []*op.Tensor, dy, dx *op.Tensor) error {
	src := op.masked(out[0].Shape, dy.F)
	for i := len(op.steps) - 1; i >= 0; i-- {
		s := op.steps[i]
		dst := dx.F
		if i > 0 {
			dst = op.buffer(i, s.outer*s.taps.In*s.inner)
		}
		kernel.Resample(x.Workers, dst, src, s.reverse, s.outer, s.inner)
		src = dst
	}
	return nil
}

// masked returns dy with zeros where the output is the fill value.
func (r *resample) masked(shape []int, dy []float32) []float32 {
	if r.outside == nil {
		return dy
	}
	list := slices.Clone(dy)
	for axis, outside := range r.outside {
		l := op.LanesOf(shape, axis)
		for i, is := range outside {
			for o := 0; is && o < l.Outer; o++ {
				clear(list[(o*l.N+i)*l.Inner : (o*l.N+i+1)*l.Inner])
			}
		}
	}
	return list
}
