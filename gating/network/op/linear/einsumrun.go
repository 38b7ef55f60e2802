package linear

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// scratchTensor is memory for a step's result, made when it is first needed.
type scratchTensor struct{ t *op.Tensor }

// of returns the memory as a vector of n elements; n is the same in every call.
func (s *scratchTensor) of(n int) *op.Tensor {
	if s.t == nil {
		s.t = op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{n}})
	}
	return s.t
}

// Forward computes the output.
func (e *einsum) Forward(x *op.Context, in, out []*op.Tensor) error {
	acc := e.single[0].forward(in[0])
	for i, p := range e.pairs {
		next := e.single[i+1].forward(in[i+1])
		value := out[0]
		if i < len(e.pairs)-1 || !e.last.same {
			value = p.value.of(p.count)
		}
		if err := p.product.Forward(x, []*op.Tensor{p.left.forward(x, acc), p.right.forward(x, next)},
			[]*op.Tensor{value}); err != nil {
			return err
		}
		acc = value
	}
	switch {
	case !e.last.same:
		kernel.Permute(x.Workers, out[0].F, acc.F, e.last.shape, e.last.perm)
	case len(e.pairs) == 0:
		copy(out[0].F, acc.F)
	}
	return nil
}

// Backward follows the steps from the output back to input i.
func (e *einsum) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	g := e.last.backward(x, dy)
	for k := len(e.pairs) - 1; k >= max(0, i-1); k-- {
		p := e.pairs[k]
		a, b := p.left.result(e.accumulated(k, in)), p.right.result(e.single[k+1].result(in[k+1]))
		side, order, target := 0, p.left, e.target(k, dx)
		if k == i-1 {
			side, order, target = 1, p.right, e.single[i].target(dx)
		}
		to := order.target(target)
		if err := p.product.Backward(x, side, 0, []*op.Tensor{a, b}, nil, g, to); err != nil {
			return err
		}
		g = order.restore(x, to, target)
		if k == i-1 {
			break
		}
	}
	e.single[i].backward(g, dx)
	return nil
}

// accumulated is the left operand of pair k.
func (e *einsum) accumulated(k int, in []*op.Tensor) *op.Tensor {
	if k == 0 {
		return e.single[0].result(in[0])
	}
	return e.pairs[k-1].value.of(e.pairs[k-1].count)
}

// target is where the gradient of the left operand of pair k goes.
func (e *einsum) target(k int, dx *op.Tensor) *op.Tensor {
	if k == 0 {
		return e.single[0].target(dx)
	}
	return e.pairs[k-1].slope.of(e.pairs[k-1].count)
}

// forward returns the tensor in the new order.
func (o *einsumOrder) forward(x *op.Context, t *op.Tensor) *op.Tensor {
	if o.same {
		return t
	}
	value := o.value.of(len(t.F))
	kernel.Permute(x.Workers, value.F, t.F, o.shape, o.perm)
	return value
}

// result is what forward returned.
func (o *einsumOrder) result(t *op.Tensor) *op.Tensor {
	if o.same {
		return t
	}
	return o.value.of(op.SizeOf(o.shape))
}

// target is where the gradient in the new order goes before it is brought into the old one.
func (o *einsumOrder) target(t *op.Tensor) *op.Tensor {
	if o.same {
		return t
	}
	return o.slope.of(op.SizeOf(o.shape))
}

// restore brings a gradient from the new order into the old one, in t.
func (o *einsumOrder) restore(x *op.Context, from, t *op.Tensor) *op.Tensor {
	if o.same {
		return from
	}
	shape := make([]int, len(o.shape))
	for i, p := range o.perm {
		shape[i] = o.shape[p]
	}
	kernel.Permute(x.Workers, t.F, from.F, shape, o.back)
	return t
}

// backward returns the gradient in the old order.
func (o *einsumOrder) backward(x *op.Context, dy *op.Tensor) *op.Tensor {
	if o.same {
		return dy
	}
	return o.restore(x, dy, o.slope.of(op.SizeOf(o.shape)))
}

// forward returns the operand with its diagonals taken and its own axes summed.
func (o *einsumSingle) forward(t *op.Tensor) *op.Tensor {
	if o.same {
		return t
	}
	value := o.value.of(o.keptCount)
	for i := range o.keptCount {
		base, sum := strided(i, o.kept, o.keptStep), 0.0
		for j := range o.foldings {
			sum += float64(t.F[base+strided(j, o.folded, o.foldStep)])
		}
		value.F[i] = float32(sum)
	}
	return value
}

// result is what forward returned.
func (o *einsumSingle) result(t *op.Tensor) *op.Tensor {
	if o.same {
		return t
	}
	return o.value.of(o.keptCount)
}

// target is where the gradient of forward's result goes.
func (o *einsumSingle) target(dx *op.Tensor) *op.Tensor {
	if o.same {
		return dx
	}
	return o.slope.of(o.keptCount)
}

// backward spreads the gradient of forward's result over the operand; elements beside diagonals get 0.
func (o *einsumSingle) backward(g, dx *op.Tensor) {
	if o.same {
		copy(dx.F, g.F)
		return
	}
	clear(dx.F)
	for i := range o.keptCount {
		base := strided(i, o.kept, o.keptStep)
		for j := range o.foldings {
			dx.F[base+strided(j, o.folded, o.foldStep)] = g.F[i]
		}
	}
}

// strided returns where index tuple i over the sizes lies under the given steps.
func strided(i int, sizes, steps []int) int {
	at := 0
	for a := len(sizes) - 1; a >= 0; a-- {
		at += i % sizes[a] * steps[a]
		i /= sizes[a]
	}
	return at
}
