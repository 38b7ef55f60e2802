package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
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
func (op *resample) Forward(x *Context, in, out []*Tensor) error {
	src := in[0].F
	for i, s := range op.steps {
		dst := out[0].F
		if i < len(op.steps)-1 {
			dst = op.buffer(i, s.outer*s.taps.Out()*s.inner)
		}
		kernel.Resample(x.Workers, dst, src, s.taps, s.outer, s.inner)
		src = dst
	}
	for axis, outside := range op.outside {
		l := lanesOf(out[0].Shape, axis)
		for i, is := range outside {
			for o := 0; is && o < l.outer; o++ {
				fillAll(out[0].F[(o*l.n+i)*l.inner:(o*l.n+i+1)*l.inner], op.fill)
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
func (op *resample) Backward(x *Context, _, _ int, _, out []*Tensor, dy, dx *Tensor) error {
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
func (op *resample) masked(shape []int, dy []float32) []float32 {
	if op.outside == nil {
		return dy
	}
	list := slices.Clone(dy)
	for axis, outside := range op.outside {
		l := lanesOf(shape, axis)
		for i, is := range outside {
			for o := 0; is && o < l.outer; o++ {
				clear(list[(o*l.n+i)*l.inner : (o*l.n+i+1)*l.inner])
			}
		}
	}
	return list
}
