package movement

import (
	"github.com/softmerge/softmerge/gating/network/op"
)

// triluOps keep triangles of matrices.
var triluOps = op.Family{
	op.WithGradient("Trilu", 14, buildTrilu),
	op.WithGradient("com.microsoft.Trilu", 1, buildTrilu),
}

// trilu keeps the part of each matrix above (or below) a diagonal and zeroes the rest.
type trilu struct {
	rows, cols int
	k          int
	upper      bool
}

func buildTrilu(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	if len(shape) < 2 {
		return nil, nil, c.ShapeError("input has shape %v, want matrices", shape)
	}
	operator := &trilu{rows: shape[len(shape)-2], cols: shape[len(shape)-1], upper: c.Int("upper", 1) != 0}
	if c.Has(1) {
		k, err := c.Ints(1)
		if err != nil {
			return nil, nil, err
		}
		if len(k) != 1 {
			return nil, nil, c.ShapeError("k has %d elements, want 1", len(k))
		}
		operator.k = int(min(max(k[0], int64(-operator.rows-1)), int64(operator.cols+1)))
	}
	return operator, []op.Spec{c.In[0].Spec}, nil
}

// Forward copies the part that stays.
func (op *trilu) Forward(_ *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		keepTriangle(op, out[0].F, in[0].F)
	} else {
		keepTriangle(op, out[0].I, in[0].I)
	}
	return nil
}

// Backward copies the same part of dy.
func (op *trilu) Backward(_ *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	keepTriangle(op, dx.F, dy.F)
	return nil
}

func keepTriangle[T any](op *trilu, y, x []T) {
	for at, row := 0, 0; at < len(y); at, row = at+op.cols, row+1 {
		split := row%op.rows + op.k // the upper part begins here
		if !op.upper {
			split++ // the lower part ends here
		}
		split = min(max(split, 0), op.cols)
		head, tail := y[at:at+split], y[at+split:at+op.cols]
		if op.upper {
			clear(head)
			copy(tail, x[at+split:])
		} else {
			copy(head, x[at:])
			clear(tail)
		}
	}
}
