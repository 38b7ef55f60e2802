package op

// Activations are most of what a program holds, and many gradients need few of
// them: that of a sum needs none, that of a product its other factor. Operators
// that say so let the memory of the rest be handed on within a step.

// Reads is what the gradient with respect to one input, through one output,
// reads besides that output's gradient: elements of inputs, and of the output.
type Reads struct {
	In  []int
	Out bool
}

// GradientReader is a Differentiable that says what Backward(i, k) reads. Others are
// taken to read all inputs and outputs. Shapes may be read always. An operator
// that embeds another has to say it anew.
type GradientReader interface {
	GradientReads(i, k int) Reads
}

// Nothing is what gradients read that only move or sum elements.
var Nothing = Reads{}

// OtherOperand is what gradients of bilinear operators read; a bias has none.
func OtherOperand(i int) Reads {
	if i > 1 {
		return Nothing
	}
	return Reads{In: []int{1 - i}}
}

// DivReads is what divGradient reads.
func DivReads(i int) Reads { return Reads{In: []int{1}, Out: i == 1} }
