package ir

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Block is a lowered body that runs inside an operator, as often as the data ask for. It keeps every value of its last
// run, so that it can be differentiated after it.
type Block struct {
	nodes   []*Node
	inputs  []*Value // stand-ins for what the operator reads, in order; nil where the body does not read it
	Outputs []*Value
	tensors map[*Value]*op.Tensor // by root
	calls   []Step
	ctx     op.Context // of its own: one step of the program may run the body many times
}

// NewBlock keeps the nodes that the outputs depend on.
func NewBlock(nodes []*Node, inputs, outputs []*Value) *Block {
	g := &Graph{Nodes: nodes}
	for _, v := range outputs {
		g.Outputs = append(g.Outputs, Output{Spec: v.Spec, Value: v})
	}
	g.Prune()
	return &Block{nodes: g.Nodes, inputs: inputs, Outputs: outputs}
}

// prepare makes the tensors, at the first run.
func (b *Block) prepare() {
	if b.tensors != nil {
		return
	}
	b.tensors = map[*Value]*op.Tensor{}
	for _, v := range b.inputs {
		if v != nil {
			b.tensors[v] = &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
		}
	}
	for _, n := range b.nodes {
		c := Step{Node: n}
		for _, v := range n.Out {
			var t *op.Tensor
			if v != nil {
				t = op.NewTensor(v.Spec)
				b.tensors[v] = t
			}
			c.Out = append(c.Out, t)
		}
		for _, v := range n.In {
			c.In = append(c.In, b.tensor(v))
		}
		b.calls = append(b.calls, c)
	}
}

// tensor is where a value's elements are; views get theirs in run.
func (b *Block) tensor(v *Value) *op.Tensor {
	switch {
	case v == nil:
		return nil
	case v.Known != nil:
		return v.Known
	case v.View != nil:
		return &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape}
	}
	return b.tensors[v]
}

// Read returns the elements of a value after a run.
func (b *Block) Read(v *Value) *op.Tensor {
	if v.Known != nil {
		return v.Known
	}
	return b.tensors[v.Root()].Reshaped(v.Spec)
}

// Run computes the body. in has one tensor for each input.
func (b *Block) Run(w *kernel.Workers, in []*op.Tensor) error {
	b.prepare()
	b.ctx.Workers = w
	b.ctx.Step++
	for i, v := range b.inputs {
		if v != nil {
			b.tensors[v].F, b.tensors[v].I = in[i].F, in[i].I
		}
	}
	for i := range b.calls {
		c := &b.calls[i]
		for k, v := range c.Node.In {
			if v != nil && v.View != nil && v.Known == nil {
				from := b.Read(v)
				c.In[k].F, c.In[k].I = from.F, from.I
			}
		}
		if err := c.Node.Run.Forward(&b.ctx, c.In, c.Out); err != nil {
			return &op.NodeError{Node: c.Node.Name, Op: c.Node.Op, Kind: op.ErrShape, Msg: err.Error()}
		}
	}
	return nil
}

// Backward takes gradients of the outputs, nil where there is none, back to the inputs: nil for those that none
// reaches. It follows a run on the same inputs.
func (b *Block) Backward(dy []*op.Tensor) ([]*op.Tensor, error) {
	b.ctx.Step++ // operators that compute several gradients together must see that dy is another
	grads := map[*Value]*op.Tensor{}
	for k, v := range b.Outputs {
		if dy[k] != nil && v.Known == nil && v.Spec.IsFloat() {
			addGradient(grads, v.Root(), slices.Clone(dy[k].F))
		}
	}
	for i := len(b.calls) - 1; i >= 0; i-- {
		if err := b.backwardNode(&b.calls[i], grads); err != nil {
			return nil, err
		}
	}
	list := make([]*op.Tensor, len(b.inputs))
	for i, v := range b.inputs {
		if v != nil {
			list[i] = grads[v]
		}
	}
	return list, nil
}

// backwardNode adds one node's gradients to those of its inputs.
func (b *Block) backwardNode(c *Step, grads map[*Value]*op.Tensor) error {
	d, ok := c.Node.Run.(op.Differentiable)
	if c.Node.Zero || !ok {
		return nil
	}
	for k, out := range c.Node.Out {
		dy := grads[out]
		if out == nil || dy == nil || !out.Grad {
			continue
		}
		for i, v := range c.Node.In {
			if v == nil || v.Known != nil || !v.Grad || !v.Spec.IsFloat() {
				continue
			}
			dx := op.NewTensor(v.Spec)
			if err := d.Backward(&b.ctx, i, k, c.In, c.Out, dy.Reshaped(out.Spec), dx); err != nil {
				return &op.NodeError{Node: c.Node.Name, Op: c.Node.Op, Kind: op.ErrShape, Msg: err.Error()}
			}
			addGradient(grads, v.Root(), dx.F)
		}
	}
	return nil
}

// addGradient adds f to what flows to a value. It keeps f where it is the first.
func addGradient(grads map[*Value]*op.Tensor, v *Value, f []float32) {
	t := grads[v]
	if t == nil {
		grads[v] = &op.Tensor{Type: v.Spec.Type, Shape: v.Spec.Shape, F: f}
		return
	}
	for i, d := range f {
		t.F[i] += d
	}
}

// Check returns an error at the first node that a gradient would have to pass and cannot.
func (b *Block) Check() error {
	for _, n := range b.nodes {
		if err := CheckGradient(n); err != nil {
			return err
		}
	}
	return nil
}

// Step is a node with its tensors looked up.
type Step struct {
	Node    *Node
	In, Out []*op.Tensor
}

// CheckGradient refuses a node that a gradient should pass and cannot.
func CheckGradient(n *Node) error {
	if n.Zero {
		return nil
	}
	if b, ok := n.Run.(interface{ GradientProblem() error }); ok {
		return b.GradientProblem()
	}
	if _, ok := n.Run.(op.Differentiable); ok {
		return nil
	}
	for _, v := range n.In {
		if v != nil && v.Grad {
			e := &op.NodeError{Node: n.Name, Op: n.Op, Kind: op.ErrUnsupported,
				Msg:  "a gradient has to pass this operator to reach a selected weight, and it has none here",
				Help: "select only weights behind this node with --only"}
			if op.WorksOnQuantised(n.Op) {
				why := op.RefusedQuantised
				e.Msg, e.Help = "a gradient has to pass this operator to reach a selected weight: "+why.Reason, why.Help
			}
			return e
		}
	}
	return nil
}
