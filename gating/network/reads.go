package network

import "slices"

// Activations are most of what a program holds, and many gradients need few of
// them: that of a sum needs none, that of a product its other factor. Operators
// that say so let the memory of the rest be handed on within a step.

// reads is what the gradient with respect to one input, through one output,
// reads besides that output's gradient: elements of inputs, and of the output.
type reads struct {
	in  []int
	out bool
}

// frugal is a Differentiable that says what Backward(i, k) reads. Others are
// taken to read all inputs and outputs. Shapes may be read always. An operator
// that embeds another has to say it anew.
type frugal interface {
	gradientReads(i, k int) reads
}

// nothing is what gradients read that only move or sum elements.
var nothing = reads{}

// otherOperand is what gradients of bilinear operators read; a bias has none.
func otherOperand(i int) reads {
	if i > 1 {
		return nothing
	}
	return reads{in: []int{1 - i}}
}

func (*conv) gradientReads(i, _ int) reads          { return otherOperand(i) }
func (*convTranspose) gradientReads(i, _ int) reads { return otherOperand(i) }
func (*matmul) gradientReads(i, _ int) reads        { return otherOperand(i) }
func (*gemm) gradientReads(i, _ int) reads          { return otherOperand(i) }

func (*transpose) gradientReads(_, _ int) reads         { return nothing }
func (*concat) gradientReads(_, _ int) reads            { return nothing }
func (*split) gradientReads(_, _ int) reads             { return nothing }
func (*remap) gradientReads(_, _ int) reads             { return nothing }
func (*maxPool) gradientReads(_, _ int) reads           { return nothing }
func (*averagePool) gradientReads(_, _ int) reads       { return nothing }
func (*globalAveragePool) gradientReads(_, _ int) reads { return nothing }

func (gather) gradientReads(_, _ int) reads      { return reads{in: []int{1}} }
func (*softmax) gradientReads(_, _ int) reads    { return reads{out: true} }
func (*logSoftmax) gradientReads(_, _ int) reads { return reads{out: true} }
func (*clip) gradientReads(_, _ int) reads       { return reads{in: []int{0, 1, 2}} }

func (u differentiableUnary) gradientReads(_, _ int) reads { return u.d.reads }

func (b *binary) gradientReads(i, _ int) reads {
	switch {
	case b.d == nil:
		return nothing
	case b.reads != nil:
		return b.reads(i)
	}
	return reads{in: []int{0, 1}, out: true}
}

func (*biasGelu) gradientReads(_, _ int) reads { return reads{in: []int{0, 1}} }

// divReads is what divGradient reads.
func divReads(i int) reads { return reads{in: []int{1}, out: i == 1} }

func (r *reduce) gradientReads(_, _ int) reads {
	if r.reduceKind == reduceSum || r.reduceKind == reduceMean {
		return nothing
	}
	return reads{in: []int{0}, out: true}
}

func (*lpNormalization) gradientReads(_, _ int) reads { return reads{in: []int{0}, out: true} }
func (*meanVariance) gradientReads(_, _ int) reads    { return reads{out: true} }

// gradientReads: mean and deviation are the operator's own.
func (*norm) gradientReads(i, k int) reads {
	switch {
	case i > 1 || i == 1 && k > 0:
		return nothing
	case i == 1 || k > 0:
		return reads{in: []int{0}}
	}
	return reads{in: []int{0, 1}}
}

// readsOf is what the gradient of a node's output k with respect to input i reads,
// inputs only where a coefficient reaches them.
func (r *nodeRun) readsOf(i, k int) reads {
	f, ok := r.n.run.(frugal)
	if !ok {
		return reads{in: r.gated, out: true}
	}
	need := f.gradientReads(i, k)
	need.in = slices.DeleteFunc(slices.Clone(r.gated), func(g int) bool { return !slices.Contains(need.in, g) })
	return need
}
