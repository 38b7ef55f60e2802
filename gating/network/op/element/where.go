package element

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// whereOps choose between two operands by a third.
var whereOps = op.Family{
	op.WithGradient("Where", 9, buildWhere),
}

// where is x where the condition holds, else y, all three broadcast to each other.
type where struct {
	shapes [3][]int
	out    []int
	plan   *kernel.Broadcast // output, condition, x, y
	side   *kernel.Broadcast // output, condition
	memory []float32
}

// buildWhere follows Where of opset 9.
func buildWhere(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	cond, a, b := c.In[0], c.In[1], c.In[2]
	if cond.Type != onnx.Bool || a.Type != b.Type {
		return nil, nil,
			c.ShapeError("inputs are %s, %s and %s, want a bool and two of the same type", cond.Spec, a.Spec, b.Spec)
	}
	out, err := broadcast(c, cond.Shape, a.Shape, b.Shape)
	if err != nil {
		return nil, nil, err
	}
	w := &where{shapes: [3][]int{cond.Shape, a.Shape, b.Shape}, out: out}
	w.plan = kernel.NewBroadcast(out, cond.Shape, a.Shape, b.Shape)
	w.side = kernel.NewBroadcast(out, cond.Shape)
	return w, []op.Spec{{Type: a.Type, Shape: out}}, nil
}

// Forward chooses.
func (w *where) Forward(x *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		choose(x, w.plan, out[0].F, in[0].I, in[1].F, in[2].F)
	} else {
		choose(x, w.plan, out[0].I, in[0].I, in[1].I, in[2].I)
	}
	return nil
}

func choose[T any](x *op.Context, plan *kernel.Broadcast, dst []T, cond []int64, a, b []T) {
	s := plan.Steps()
	plan.Rows(x.Workers, func(o, n int, at []int) {
		ic, ia, ib := at[0], at[1], at[2]
		for i := o; i < o+n; i++ {
			if cond[ic] != 0 {
				dst[i] = a[ia]
			} else {
				dst[i] = b[ib]
			}
			ic, ia, ib = ic+s[0], ia+s[1], ib+s[2]
		}
	})
}

// Backward passes dy where the operand was chosen.
func (w *where) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	cond := in[0].I
	full, same := dx.F, dx.Len() == dy.Len()
	if !same {
		w.memory = op.Resize(w.memory, dy.Len())
		full = w.memory
	}
	step := w.side.Steps()[0]
	w.side.Rows(x.Workers, func(o, n int, at []int) {
		ic := at[0]
		for j := o; j < o+n; j++ {
			full[j] = 0
			if (cond[ic] != 0) == (i == 1) {
				full[j] = dy.F[j]
			}
			ic += step
		}
	})
	if !same {
		kernel.SumTo(x.Workers, dx.F, full, w.shapes[i], w.out)
	}
	return nil
}
