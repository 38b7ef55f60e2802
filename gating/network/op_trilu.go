package network

// triluOps keep triangles of matrices.
var triluOps = family{
	full("Trilu", 14, buildTrilu),
	full("com.microsoft.Trilu", 1, buildTrilu),
}

// trilu keeps the part of each matrix above (or below) a diagonal and zeroes the rest.
type trilu struct {
	rows, cols int
	k          int
	upper      bool
}

func buildTrilu(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	if len(shape) < 2 {
		return nil, nil, c.shapeError("input has shape %v, want matrices", shape)
	}
	op := &trilu{rows: shape[len(shape)-2], cols: shape[len(shape)-1], upper: c.int("upper", 1) != 0}
	if c.has(1) {
		k, err := c.ints(1)
		if err != nil {
			return nil, nil, err
		}
		if len(k) != 1 {
			return nil, nil, c.shapeError("k has %d elements, want 1", len(k))
		}
		op.k = int(min(max(k[0], int64(-op.rows-1)), int64(op.cols+1)))
	}
	return op, []Spec{c.in[0].Spec}, nil
}

// Forward copies the part that stays.
func (op *trilu) Forward(_ *Context, in, out []*Tensor) error {
	if out[0].Spec().IsFloat() {
		keepTriangle(op, out[0].F, in[0].F)
	} else {
		keepTriangle(op, out[0].I, in[0].I)
	}
	return nil
}

// Backward copies the same part of dy.
func (op *trilu) Backward(_ *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
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
