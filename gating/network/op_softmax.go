package network

import (
	"github.com/softmerge/softmerge/gating/kernel"
)

// softmaxOps normalise along an axis. Until opset 12 the axes from the given one
// on count as one; from 13 it is a single axis.
var softmaxOps = family{
	full("Softmax", 1, buildSoftmax),
	full("LogSoftmax", 1, buildLogSoftmax),
	zero("Hardmax", 1, buildHardmax),
}

// lines is a tensor as outer×n×inner with the middle axis to work along.
type lines struct {
	outer, n, inner int
	axis            int // the axis of the tensor, -1 where it is several
}

// normAxis returns the axis that the operator normalises along, for [Graph.Producer].
func (l lines) NormAxis() int { return l.axis }

// softmaxLines reads the axis of Softmax, LogSoftmax or Hardmax.
func (c *call) softmaxLines() (lines, error) {
	shape := c.in[0].Shape
	if c.opset >= 13 {
		axis, err := c.axis("axis", -1, len(shape))
		if err != nil {
			return lines{}, err
		}
		return lines{sizeOf(shape[:axis]), shape[axis], sizeOf(shape[axis+1:]), axis}, nil
	}
	axis := c.int("axis", 1)
	if axis < 0 {
		axis += int64(len(shape))
	}
	if axis < 0 || axis > int64(len(shape)) {
		return lines{}, c.shapeError("axis %d of a tensor of rank %d", c.int("axis", 1), len(shape))
	}
	l := lines{sizeOf(shape[:axis]), sizeOf(shape[axis:]), 1, int(axis)}
	if int(axis) == len(shape) || shape[axis] != l.n {
		l.axis = -1
	}
	return l, nil
}

// softmax is exp(x)/sum exp(x).
type softmax struct{ lines }

func buildSoftmax(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	l, err := c.softmaxLines()
	return &softmax{l}, []Spec{c.in[0].Spec}, err
}

// Forward computes y.
func (s *softmax) Forward(x *Context, in, out []*Tensor) error {
	kernel.Softmax(x.Workers, out[0].F, in[0].F, s.outer, s.n, s.inner)
	return nil
}

// Backward computes dx = y (dy - sum y dy).
func (s *softmax) Backward(x *Context, _, _ int, _, out []*Tensor, dy, dx *Tensor) error {
	kernel.SoftmaxBackward(x.Workers, dx.F, dy.F, out[0].F, s.outer, s.n, s.inner)
	return nil
}

// logSoftmax is x - log sum exp(x).
type logSoftmax struct{ lines }

func buildLogSoftmax(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	l, err := c.softmaxLines()
	return &logSoftmax{l}, []Spec{c.in[0].Spec}, err
}

// Forward computes y.
func (s *logSoftmax) Forward(x *Context, in, out []*Tensor) error {
	kernel.LogSoftmax(x.Workers, out[0].F, in[0].F, s.outer, s.n, s.inner)
	return nil
}

// Backward computes dx = dy - exp(y) sum dy.
func (s *logSoftmax) Backward(x *Context, _, _ int, _, out []*Tensor, dy, dx *Tensor) error {
	kernel.LogSoftmaxBackward(x.Workers, dx.F, dy.F, out[0].F, s.outer, s.n, s.inner)
	return nil
}

// hardmax is 1 at the first of the greatest elements and 0 elsewhere.
type hardmax struct{ lines }

func buildHardmax(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	l, err := c.softmaxLines()
	return &hardmax{l}, []Spec{c.in[0].Spec}, err
}

// Forward computes y.
func (h *hardmax) Forward(_ *Context, in, out []*Tensor) error {
	clear(out[0].F)
	if h.n == 0 {
		return nil
	}
	for o := range h.outer * h.inner {
		first := o/h.inner*h.n*h.inner + o%h.inner
		best := first
		for i := first; i < first+h.n*h.inner; i += h.inner {
			if in[0].F[i] > in[0].F[best] {
				best = i
			}
		}
		out[0].F[best] = 1
	}
	return nil
}

// GradientReads says what Backward reads.
func (*softmax) GradientReads(_, _ int) reads { return reads{out: true} }

// GradientReads says what Backward reads.
func (*logSoftmax) GradientReads(_, _ int) reads { return reads{out: true} }
