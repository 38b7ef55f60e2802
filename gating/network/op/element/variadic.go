package element

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// variadicOps join any number of operands, broadcast to each other.
var variadicOps = op.Family{
	op.WithGradient("Sum", 1, buildVariadic(&join{f: kernel.Add})),
	op.WithGradient("Mean", 1, buildVariadic(&join{f: kernel.Add, mean: true})),
	op.WithGradient("Max", 1,
		buildVariadic(&join{f: kernel.PairOf(func(a, b float32) float32 { return max(a, b) }), choice: true,
			ints: kernel.PairOf(func(a, b int64) int64 { return max(a, b) })})),
	op.WithGradient("Min", 1,
		buildVariadic(&join{f: kernel.PairOf(func(a, b float32) float32 { return min(a, b) }), choice: true,
			ints: kernel.PairOf(func(a, b int64) int64 { return min(a, b) })})),
}

// join is how operands are put together, one after the other.
type join struct {
	f      *kernel.Pair[float32, float32]
	ints   *kernel.Pair[int64, int64] // nil where only floats are allowed
	mean   bool                       // divide by their number
	choice bool                       // the result is one of the operands
}

// variadic is a join over known shapes.
type variadic struct {
	*join
	shapes [][]int
	out    []int
	first  *kernel.Broadcast   // output, operands 0 and 1
	rest   []*kernel.Broadcast // output, output and operand i from 2 on
	all    *kernel.Broadcast   // output, every operand
	memory []float32
}

// buildVariadic follows the forms of opset 1 (equal shapes) and 8 (broadcasting).
func buildVariadic(j *join) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		if err := c.Need(max(1, len(c.In))); err != nil {
			return nil, nil, err
		}
		t := c.In[0].Type
		v := &variadic{join: j}
		for i, in := range c.In {
			if in.Type != t || !in.IsFloat() && j.ints == nil {
				return nil, nil,
					c.ShapeError("input %d is %s among inputs of %s, want one type that it takes", i, in.Spec, t)
			}
			v.shapes = append(v.shapes, in.Shape)
		}
		out, err := broadcast(c, v.shapes...)
		if err != nil {
			return nil, nil, err
		}
		if len(c.In) == 1 {
			return c.AsView(0, c.In[0].Spec)
		}
		v.out, v.first, v.all = out, kernel.NewBroadcast(out, v.shapes[0], v.shapes[1]),
			kernel.NewBroadcast(out, v.shapes...)
		for _, s := range v.shapes[2:] {
			v.rest = append(v.rest, kernel.NewBroadcast(out, out, s))
		}
		return v, []op.Spec{{Type: t, Shape: out}}, nil
	}
}

// Forward joins the operands from the first to the last.
func (v *variadic) Forward(x *op.Context, in, out []*op.Tensor) error {
	if out[0].Spec().IsFloat() {
		v.floats(x, in, out[0].F)
		return nil
	}
	flip := int64(0)
	if out[0].Type == onnx.Uint64 {
		flip = -1 << 63
	}
	y := out[0].I
	kernel.Combine(x.Workers, y, op.Flipped(in[0].I, flip), op.Flipped(in[1].I, flip), v.first, v.ints)
	for i, plan := range v.rest {
		kernel.Combine(x.Workers, y, y, op.Flipped(in[i+2].I, flip), plan, v.ints)
	}
	for i := range y {
		y[i] += flip
	}
	return nil
}

func (v *variadic) floats(x *op.Context, in []*op.Tensor, y []float32) {
	kernel.Combine(x.Workers, y, in[0].F, in[1].F, v.first, v.f)
	for i, plan := range v.rest {
		kernel.Combine(x.Workers, y, y, in[i+2].F, plan, v.f)
	}
	if v.mean {
		kernel.Scale(x.Workers, y, y, 1/float32(len(in)))
	}
}

// Backward passes dy to every operand of a sum, and to the chosen operand of a choice; operands that are equal
// there share it, as in PyTorch.
func (v *variadic) Backward(x *op.Context, i, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	full, same := dy.F, op.SizeOf(v.shapes[i]) == dy.Len()
	if v.choice {
		full = dx.F
		if !same {
			v.memory = op.Resize(v.memory, dy.Len())
			full = v.memory
		}
		v.share(x, i, in, out[0].F, dy.F, full)
	}
	if !v.choice || !same {
		kernel.SumTo(x.Workers, dx.F, full, v.shapes[i], v.out)
	}
	if v.mean {
		kernel.Scale(x.Workers, dx.F, dx.F, 1/float32(len(in)))
	}
	return nil
}

// share writes dy divided by the number of operands that equal y where operand i does, and 0 elsewhere.
func (v *variadic) share(x *op.Context, i int, in []*op.Tensor, y, dy, dst []float32) {
	steps := v.all.Steps()
	v.all.Rows(x.Workers, func(o, n int, at []int) {
		for j := range n {
			var equal float32
			for k, t := range in {
				equal += op.When(op.SameNumber(t.F[at[k]+j*steps[k]], y[o+j]))
			}
			dst[o+j] = 0
			if op.SameNumber(in[i].F[at[i]+j*steps[i]], y[o+j]) {
				dst[o+j] = dy[o+j] / equal
			}
		}
	})
}
