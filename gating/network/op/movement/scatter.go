package movement

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// scatterOps write elements or blocks of a tensor by index.
var scatterOps = op.Family{
	op.WithGradient("Scatter", 9, buildScatterElements),
	op.WithGradient("ScatterElements", 11, buildScatterElements),
	op.WithGradient("ScatterND", 11, buildScatterND),
}

// scatter is a copy of the data (input 0) in which the runs that the indices
// (input 1) name are replaced by, or combined with, those of the updates (input 2).
// Without a reduction the last of several updates of one run stays.
type scatter struct {
	*runs
	reduction string // none, add, mul, max or min
}

// newScatter checks the updates and the reduction: add and mul since opset 16, max and min since 18.
func newScatter(c *op.Call, r *runs, updates []int) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	if !slices.Equal(c.In[2].Shape, updates) || c.In[2].Type != c.In[0].Type {
		return nil, nil,
			c.ShapeError("updates are %s, want %s", c.In[2].Spec, op.Spec{Type: c.In[0].Type, Shape: updates})
	}
	operator := &scatter{r, c.Text("reduction", "none")}
	if !slices.Contains([]string{"none", "add", "mul", "max", "min"}, operator.reduction) {
		return nil, nil, c.Unsupported("reduction %q", operator.reduction)
	}
	return operator, []op.Spec{c.In[0].Spec}, nil
}

func buildScatterElements(c *op.Call) (op.Operator, []op.Spec, error) {
	r, err := newAlongElements(c)
	if err != nil {
		return nil, nil, err
	}
	return newScatter(c, r, c.In[1].Shape)
}

func buildScatterND(c *op.Call) (op.Operator, []op.Spec, error) {
	r, err := newAlongTuples(c, 0)
	if err != nil {
		return nil, nil, err
	}
	data, index := c.In[0].Shape, c.In[1].Shape
	last := len(index) - 1
	return newScatter(c, r, slices.Concat(index[:last], data[index[last]:]))
}

// Forward copies the data and writes the updates into the copy, in order.
func (o *scatter) Forward(x *op.Context, in, out []*op.Tensor) error {
	if err := o.find(in[1]); err != nil {
		return err
	}
	if out[0].Spec().IsFloat() {
		copy(out[0].F, in[0].F)
		return scatterInto(o, out[0].F, in[2].F)
	}
	copy(out[0].I, in[0].I)
	if err := scatterInto(o, out[0].I, in[2].I); err != nil {
		return err
	}
	for i, v := range out[0].I {
		out[0].I[i] = op.WrapInt(out[0].Type, v)
	}
	return nil
}

// scatterInto combines the runs of the updates with those of y.
func scatterInto[T float32 | int64](op *scatter, y, updates []T) error {
	n := op.run
	if op.reduction == "none" {
		kernel.ScatterRuns(y, updates, op.at, n)
		return nil
	}
	combine := map[string]func(a, b T) T{
		"add": func(a, b T) T { return a + b },
		"mul": func(a, b T) T { return a * b },
		"max": func(a, b T) T { return max(a, b) },
		"min": func(a, b T) T { return min(a, b) },
	}[op.reduction]
	for i, at := range op.at {
		to := y[at : at+n]
		for k, v := range updates[i*n : (i+1)*n] {
			to[k] = combine(to[k], v)
		}
	}
	return nil
}

// Backward is the gradient with respect to the data (i = 0) or the updates (i = 2).
func (op *scatter) Backward(x *op.Context, i, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	if err := op.find(in[1]); err != nil {
		return err
	}
	switch op.reduction {
	case "none":
		op.backwardNone(x, i, dy.F, dx.F)
	case "add":
		if i == 0 {
			copy(dx.F, dy.F)
		} else {
			kernel.GatherRuns(x.Workers, dx.F, dy.F, op.at, op.run)
		}
	case "mul", "max", "min":
		share := shareOfMul
		if op.reduction != "mul" {
			share = shareOfExtreme(out[0].F)
		}
		op.backwardShared(i, in, dy.F, dx.F, share)
	default:
		return fmt.Errorf("reduction %q has no gradient", op.reduction)
	}
	return nil
}

// backwardNone passes dy to what was left in place: data that no update replaced, updates that no later one replaced.
func (op *scatter) backwardNone(x *op.Context, i int, dy, dx []float32) {
	n := op.run
	if i == 0 {
		copy(dx, dy)
		for _, at := range op.at {
			clear(dx[at : at+n])
		}
		return
	}
	last := map[int]int{}
	for k, at := range op.at {
		last[at] = k
	}
	kernel.GatherRuns(x.Workers, dx, dy, op.at, n)
	for k, at := range op.at {
		if last[at] != k {
			clear(dx[k*n : (k+1)*n])
		}
	}
}

// tally is what the reductions mul, max and min remember of all that meets in one element.
type tally struct {
	product float64 // of the factors that are not zero
	zeros   int     // factors that are zero
	winners int     // values equal to the result
}

// share is one value's derivative of the reduction at element e, given the element's tally.
type share struct {
	note func(t *tally, e int, v float32)
	of   func(t *tally, e int, v float32) float64
}

// shareOfMul is the product of all the other factors.
var shareOfMul = share{
	note: func(t *tally, _ int, v float32) {
		if v == 0 {
			t.zeros++
		} else {
			t.product *= float64(v)
		}
	},
	of: func(t *tally, _ int, v float32) float64 {
		switch {
		case t.zeros == 0:
			return t.product / float64(v)
		case t.zeros == 1 && v == 0:
			return t.product
		}
		return 0
	},
}

// shareOfExtreme divides one among the values that equal the result y.
func shareOfExtreme(y []float32) share {
	return share{
		note: func(t *tally, e int, v float32) {
			if v == y[e] {
				t.winners++
			}
		},
		of: func(t *tally, e int, v float32) float64 {
			if v == y[e] {
				return 1 / float64(t.winners)
			}
			return 0
		},
	}
}

// backwardShared multiplies dy with each value's share.
func (op *scatter) backwardShared(i int, in []*op.Tensor, dy, dx []float32, s share) {
	n := op.run
	tallies := make([]tally, len(dy))
	for e, v := range in[0].F {
		tallies[e].product = 1
		s.note(&tallies[e], e, v)
	}
	for k, v := range in[2].F {
		e := op.at[k/n] + k%n
		s.note(&tallies[e], e, v)
	}
	for k := range dx {
		e := k
		if i != 0 {
			e = op.at[k/n] + k%n
		}
		dx[k] = float32(float64(dy[e]) * s.of(&tallies[e], e, in[i].F[k]))
	}
}
