package network

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// Head is what a loss reads of a graph, and what it weighs beside the losses of other heads.
type Head struct {
	Outputs []int  // by place among the graph's; one, unless Read makes one tensor of several
	Read    Reader // nil where the loss reads the only output as it is
	Loss    Loss
	Weight  float64
}

// HeadOf is the head of one output alone.
func HeadOf(output int, l Loss) []Head { return []Head{{Outputs: []int{output}, Loss: l, Weight: 1}} }

// Reader makes one tensor, which a loss reads, of outputs.
type Reader interface {
	// Read makes it. Errors are of kind ErrShape, for outputs that do not go together.
	Read(outs []*op.Tensor) (*op.Tensor, error)
	// Gradient writes the gradient with respect to each output, given that with respect to what Read makes of them.
	Gradient(outs []*op.Tensor, dy []float32, dx [][]float32)
}

// head is a head of a program.
type head struct {
	Head
	names  []string
	values []*ir.Value // of the outputs
	target *op.Tensor
}

// gated says whether a coefficient reaches any of its outputs.
func (h *head) gated() bool {
	for _, v := range h.values {
		if v.Gated {
			return true
		}
	}
	return false
}

// call is the head's loss as a function of the outputs that a coefficient reaches.
func (h *head) call(b *binding) tape.Call {
	f := &lossFunction{p: b.p, head: h}
	c := tape.Call{Op: "loss", Name: h.Loss.Name(), Function: f, Out: []tape.Shape{{Kind: tape.Scalar, Len: 1}},
		Flows: always}
	var all []int
	for i, v := range h.values {
		f.outs = append(f.outs, sourceOf(v))
		f.slopes = append(f.slopes, make([]float32, v.Spec.Len()))
		if v.Gated {
			all, f.live = append(all, len(all)), append(f.live, i)
			c.In = append(c.In, b.vectors[v.Root()])
		}
	}
	c.Reads = func(_, _ int) tape.Reads { return tape.Reads{In: all} }
	return c
}

// lossFunction is a head's loss of its outputs against its target.
type lossFunction struct {
	p      *Program
	head   *head
	outs   []*op.Tensor
	live   []int       // of these, the function's inputs
	slopes [][]float32 // the gradient with respect to each output, where a reader stands between
}

// point directs the tensors at this step's elements.
func (f *lossFunction) point(in []tape.Data) {
	for i, v := range f.head.values {
		if !v.Gated && v.Known == nil {
			f.outs[i].F = f.p.slots[v.Root()].F
		}
	}
	for c, i := range f.live {
		f.outs[i].F = in[c].F
	}
}

// Forward computes the loss, and its gradient where a reader stands between: the parts of it are asked for one by one.
func (f *lossFunction) Forward(_ uint64, in, out []tape.Data) error {
	f.point(in)
	h := f.head
	read := f.outs[0]
	if h.Read != nil {
		var err error
		if read, err = h.Read.Read(f.outs); err != nil {
			return err
		}
	}
	l, err := Mean(h.Loss, read, h.target)
	out[0].F[0] = float32(l * h.Weight)
	if err != nil || h.Read == nil {
		return err
	}
	slope := make([]float32, read.Len())
	if err := h.Loss.Gradient(read, h.target, float32(h.Weight), slope); err != nil {
		return err
	}
	h.Read.Gradient(f.outs, slope, f.slopes)
	return nil
}

// Backward gives its gradient with respect to one of the inputs.
func (f *lossFunction) Backward(_ uint64, i, _ int, in, _ []tape.Data, dy, dx []float32) error {
	if f.head.Read == nil {
		f.point(in)
		return f.head.Loss.Gradient(f.outs[0], f.head.target, dy[0]*float32(f.head.Weight), dx)
	}
	for k, s := range f.slopes[f.live[i]] {
		dx[k] = dy[0] * s
	}
	return nil
}
