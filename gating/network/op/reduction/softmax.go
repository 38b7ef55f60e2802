package reduction

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// softmaxOps normalise along an axis. Until opset 12 the axes from the given one
// on count as one; from 13 it is a single axis.
var softmaxOps = op.Family{
	op.WithGradient("Softmax", 1, buildSoftmax),
	op.WithGradient("LogSoftmax", 1, buildLogSoftmax),
	op.WithZeroGradient("Hardmax", 1, buildHardmax),
}

// lines is a tensor as outer×n×inner with the middle axis to work along.
type lines struct {
	outer, n, inner int
	axis            int // the axis of the tensor, -1 where it is several
}

// NormAxis returns the axis that the operator normalises along, for [Graph.Producer].
func (l lines) NormAxis() int { return l.axis }

// softmaxLines reads the axis of Softmax, LogSoftmax or Hardmax.
func softmaxLines(c *op.Call) (lines, error) {
	shape := c.In[0].Shape
	if c.Opset >= 13 {
		axis, err := c.Axis("axis", -1, len(shape))
		if err != nil {
			return lines{}, err
		}
		return lines{op.SizeOf(shape[:axis]), shape[axis], op.SizeOf(shape[axis+1:]), axis}, nil
	}
	axis := c.Int("axis", 1)
	if axis < 0 {
		axis += int64(len(shape))
	}
	if axis < 0 || axis > int64(len(shape)) {
		return lines{}, c.ShapeError("axis %d of a tensor of rank %d", c.Int("axis", 1), len(shape))
	}
	l := lines{op.SizeOf(shape[:axis]), op.SizeOf(shape[axis:]), 1, int(axis)}
	if int(axis) == len(shape) || shape[axis] != l.n {
		l.axis = -1
	}
	return l, nil
}

// softmax is exp(x)/sum exp(x).
type softmax struct{ lines }

func buildSoftmax(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	l, err := softmaxLines(c)
	return &softmax{l}, []op.Spec{c.In[0].Spec}, err
}

// Forward computes y.
func (s *softmax) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Softmax(x.Workers, out[0].F, in[0].F, s.outer, s.n, s.inner)
	return nil
}

// Backward computes dx = y (dy - sum y dy).
func (s *softmax) Backward(x *op.Context, _, _ int, _, out []*op.Tensor, dy, dx *op.Tensor) error {
	kernel.SoftmaxBackward(x.Workers, dx.F, dy.F, out[0].F, s.outer, s.n, s.inner)
	return nil
}

// logSoftmax is x - log sum exp(x).
type logSoftmax struct{ lines }

func buildLogSoftmax(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	l, err := softmaxLines(c)
	return &logSoftmax{l}, []op.Spec{c.In[0].Spec}, err
}

// Forward computes y.
func (s *logSoftmax) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.LogSoftmax(x.Workers, out[0].F, in[0].F, s.outer, s.n, s.inner)
	return nil
}

// Backward computes dx = dy - exp(y) sum dy.
func (s *logSoftmax) Backward(x *op.Context, _, _ int, _, out []*op.Tensor, dy, dx *op.Tensor) error {
	kernel.LogSoftmaxBackward(x.Workers, dx.F, dy.F, out[0].F, s.outer, s.n, s.inner)
	return nil
}

// hardmax is 1 at the first of the greatest elements and 0 elsewhere.
type hardmax struct{ lines }

func buildHardmax(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	l, err := softmaxLines(c)
	return &hardmax{l}, []op.Spec{c.In[0].Spec}, err
}

// Forward computes y.
func (h *hardmax) Forward(_ *op.Context, in, out []*op.Tensor) error {
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
func (*softmax) GradientReads(_, _ int) op.Reads { return op.Reads{Out: true} }

// GradientReads says what Backward reads.
func (*logSoftmax) GradientReads(_, _ int) op.Reads { return op.Reads{Out: true} }
