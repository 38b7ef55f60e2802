package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// block is a lowered body that runs inside an operator, as often as the data ask for. It keeps every value of its last
// run, so that it can be differentiated after it.
type block struct {
	nodes   []*node
	inputs  []*value // stand-ins for what the operator reads, in order; nil where the body does not read it
	outputs []*value
	tensors map[*value]*Tensor // by root
	calls   []runCall
	ctx     Context // of its own: one step of the program may run the body many times
}

// newBlock keeps the nodes that the outputs depend on.
func newBlock(nodes []*node, inputs, outputs []*value) *block {
	g := &graphIR{nodes: nodes}
	for _, v := range outputs {
		g.outputs = append(g.outputs, Output{Spec: v.spec, value: v})
	}
	g.prune()
	return &block{nodes: g.nodes, inputs: inputs, outputs: outputs}
}

// prepare makes the tensors, at the first run.
func (b *block) prepare() {
	if b.tensors != nil {
		return
	}
	b.tensors = map[*value]*Tensor{}
	for _, v := range b.inputs {
		if v != nil {
			b.tensors[v] = &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}
		}
	}
	for _, n := range b.nodes {
		c := runCall{node: n}
		for _, v := range n.out {
			var t *Tensor
			if v != nil {
				t = NewTensor(v.spec)
				b.tensors[v] = t
			}
			c.out = append(c.out, t)
		}
		for _, v := range n.in {
			c.in = append(c.in, b.tensor(v))
		}
		b.calls = append(b.calls, c)
	}
}

// tensor is where a value's elements are; views get theirs in run.
func (b *block) tensor(v *value) *Tensor {
	switch {
	case v == nil:
		return nil
	case v.known != nil:
		return v.known
	case v.view != nil:
		return &Tensor{Type: v.spec.Type, Shape: v.spec.Shape}
	}
	return b.tensors[v]
}

// read returns the elements of a value after a run.
func (b *block) read(v *value) *Tensor {
	if v.known != nil {
		return v.known
	}
	return b.tensors[v.root()].reshaped(v.spec)
}

// run computes the body. in has one tensor for each input.
func (b *block) run(w *kernel.Workers, in []*Tensor) error {
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
		for k, v := range c.node.in {
			if v != nil && v.view != nil && v.known == nil {
				from := b.read(v)
				c.in[k].F, c.in[k].I = from.F, from.I
			}
		}
		if err := c.node.run.Forward(&b.ctx, c.in, c.out); err != nil {
			return &NodeError{Node: c.node.name, Op: c.node.op, Kind: ErrShape, Msg: err.Error()}
		}
	}
	return nil
}

// pull takes gradients of the outputs, nil where there is none, back to the inputs: nil for those that none
// reaches. It follows a run on the same inputs.
func (b *block) pull(dy []*Tensor) ([]*Tensor, error) {
	b.ctx.Step++ // operators that compute several gradients together must see that dy is another
	slopes := map[*value]*Tensor{}
	for k, v := range b.outputs {
		if dy[k] != nil && v.known == nil && v.spec.IsFloat() {
			addSlope(slopes, v.root(), slices.Clone(dy[k].F))
		}
	}
	for i := len(b.calls) - 1; i >= 0; i-- {
		if err := b.pullNode(&b.calls[i], slopes); err != nil {
			return nil, err
		}
	}
	list := make([]*Tensor, len(b.inputs))
	for i, v := range b.inputs {
		if v != nil {
			list[i] = slopes[v]
		}
	}
	return list, nil
}

// pullNode adds one node's gradients to those of its inputs.
func (b *block) pullNode(c *runCall, slopes map[*value]*Tensor) error {
	d, ok := c.node.run.(Differentiable)
	if c.node.zero || !ok {
		return nil
	}
	for k, out := range c.node.out {
		dy := slopes[out]
		if out == nil || dy == nil || !out.grad {
			continue
		}
		for i, v := range c.node.in {
			if v == nil || v.known != nil || !v.grad || !v.spec.IsFloat() {
				continue
			}
			dx := NewTensor(v.spec)
			if err := d.Backward(&b.ctx, i, k, c.in, c.out, dy.reshaped(out.spec), dx); err != nil {
				return &NodeError{Node: c.node.name, Op: c.node.op, Kind: ErrShape, Msg: err.Error()}
			}
			addSlope(slopes, v.root(), dx.F)
		}
	}
	return nil
}

// addSlope adds f to what flows to a value. It keeps f where it is the first.
func addSlope(slopes map[*value]*Tensor, v *value, f []float32) {
	t := slopes[v]
	if t == nil {
		slopes[v] = &Tensor{Type: v.spec.Type, Shape: v.spec.Shape, F: f}
		return
	}
	for i, d := range f {
		t.F[i] += d
	}
}

// check returns an error at the first node that a gradient would have to pass and cannot.
func (b *block) check() error {
	for _, n := range b.nodes {
		if err := checkGradient(n); err != nil {
			return err
		}
	}
	return nil
}

// runCall is a node with its tensors looked up.
type runCall struct {
	node    *node
	in, out []*Tensor
}

// checkGradient refuses a node that a gradient should pass and cannot.
func checkGradient(n *node) error {
	if n.zero {
		return nil
	}
	if b, ok := n.run.(interface{ GradientProblem() error }); ok {
		return b.GradientProblem()
	}
	if _, ok := n.run.(Differentiable); ok {
		return nil
	}
	for _, v := range n.in {
		if v != nil && v.grad {
			e := &NodeError{Node: n.name, Op: n.op, Kind: ErrUnsupported,
				Msg:  "a gradient has to pass this operator to reach a selected weight, and it has none here",
				Help: "select only weights behind this node with --only"}
			if quantised(n.op) {
				e.Msg, e.Help = "a gradient has to pass this operator to reach a selected weight: "+isQuantised.reason, isQuantised.help
			}
			return e
		}
	}
	return nil
}
