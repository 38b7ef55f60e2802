package op

import "github.com/softmerge/softmerge/gating/kernel"

// Context is what an operator may use while it runs.
type Context struct {
	Workers *kernel.Workers // goroutines for kernels; nil runs on one
	Step    uint64          // changes with every run of a program, for state shared between gradients
}

// Operator is one node's operator with its attributes read and its shapes known.
// It belongs to one graph and may keep scratch memory; it is never run concurrently.
//
// Forward computes out from in. Both have the shapes the builder was given and
// returned. An absent optional input is nil, as is an output nobody reads. Every
// element of every non-nil output must be written, inputs must not be.
type Operator interface {
	Forward(x *Context, in, out []*Tensor) error
}

// Differentiable is an Operator with a gradient.
//
// Backward fills dx with the gradient of the loss with respect to in[i], given
// dy, the gradient with respect to out[k]: dx = (d out[k] / d in[i])^T dy. It is
// called only for float inputs and outputs, after Forward on the same in and out,
// once for each pair (i, k) that a gradient flows through. dx is not zeroed
// before the call and must be written whole, not added to.
type Differentiable interface {
	Operator
	Backward(x *Context, i, k int, in, out []*Tensor, dy, dx *Tensor) error
}

// Gradient says what the table knows of an operator's gradient.
type Gradient int

const (
	None Gradient = iota // no gradient: an error where one is needed
	Zero                 // piecewise constant (Floor, Shape, Equal): the gradient is zero and never asked for
	Full                 // Backward is there for every float input that ONNX marks differentiable
)

// Builder reads a node's attributes, checks its inputs and returns the operator
// and the spec of each of the node's outputs. An operator may also answer with
// the outputs themselves: see call.view and call.constant.
type Builder func(c *Call) (Operator, []Spec, error)

// Entry is one operator in a family's table.
type Entry struct {
	Name  string // operator type, with its domain where it is not ONNX's own
	Since int64  // first opset that the builder understands
	Grad  Gradient
	Build Builder
}

// Family is the operators of one file.
type Family []Entry

// WithGradient is the entry of an operator with a gradient.
func WithGradient(name string, since int64, build Builder) Entry {
	return Entry{name, since, Full, build}
}

// WithZeroGradient is the entry of an operator whose gradient is zero wherever it is defined.
func WithZeroGradient(name string, since int64, build Builder) Entry {
	return Entry{name, since, Zero, build}
}

// WithoutGradient is the entry of an operator without a gradient.
func WithoutGradient(name string, since int64, build Builder) Entry {
	return Entry{name, since, None, build}
}

// String names the kind as the operator table prints it.
func (k Gradient) String() string { return [...]string{"none", "zero", "full"}[k] }
