package network

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
	GradientReads(i, k int) reads
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

// divReads is what divGradient reads.
func divReads(i int) reads { return reads{in: []int{1}, out: i == 1} }
