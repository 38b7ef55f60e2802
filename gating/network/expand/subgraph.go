package expand

import (
	"errors"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// subgraphs collects what the bodies of one operator read from outside: their operator reads it in their place.
type subgraphs struct {
	c        *Call
	formal   []*ir.Value // stand-ins for the operator's own inputs
	captured []*ir.Value // roots outside
	standIns map[*ir.Value]*ir.Value
}

// newSubgraphs takes stand-ins for the operator's own inputs, nil for those that no body reads.
func newSubgraphs(c *Call, formal []*ir.Value) *subgraphs {
	return &subgraphs{c: c, formal: formal, standIns: map[*ir.Value]*ir.Value{}}
}

// standIn is a value whose elements are given at run time.
func standIn(s op.Spec, gated, grad bool) *ir.Value {
	return &ir.Value{Spec: s, Param: -1, Input: "given", Gated: gated, Grad: grad && s.IsFloat()}
}

// body lowers a body to nodes of its own, apart from the graph's, with its inputs bound to the values in.
func (n *subgraphs) body(g *onnxpb.GraphProto, in []*ir.Value) (nodes []*ir.Node, outs []*ir.Value, err error) {
	if nodes, outs, err = n.c.Lower.Apart(g, in); err != nil {
		return nil, nil, undecided(n.c, err)
	}
	for _, v := range outs {
		if v == ir.Absent || v.List != nil || v.Spec.Type == onnx.Undefined {
			return nil, nil, n.c.Unsupported("what its body computes depends on the data, and is no tensor")
		}
	}
	return nodes, outs, nil
}

// undecided is the error for a body that cannot be computed while it is not known how often it must be. With the
// inputs known, it may turn out otherwise.
func undecided(c *Call, err error) error {
	if errors.Is(err, onnx.ErrInvalid) {
		return err
	}
	return c.Unsupported("whether and how often its body runs depends on the data, and the body cannot be computed: %v",
		err)
}

// localise replaces what nodes and outputs read from outside by stand-ins.
func (n *subgraphs) localise(nodes []*ir.Node, outs []*ir.Value) []*ir.Value {
	inside := map[*ir.Value]bool{}
	for _, v := range n.formal {
		inside[v] = true
	}
	for _, m := range nodes {
		for k, v := range m.In {
			m.In[k] = n.local(v, inside)
		}
		for _, v := range m.Out {
			inside[v] = true
		}
	}
	list := make([]*ir.Value, len(outs))
	for i, v := range outs {
		list[i] = n.local(v, inside)
	}
	return list
}

// local is the value itself where the body computes it, is given it or knows it; else its stand-in.
func (n *subgraphs) local(v *ir.Value, inside map[*ir.Value]bool) *ir.Value {
	switch {
	case v == nil || v.Known != nil || inside[v]:
		return v
	case v.View != nil:
		w := *v
		w.View = n.local(v.View, inside)
		return &w
	case n.standIns[v] == nil:
		n.captured = append(n.captured, v)
		n.standIns[v] = standIn(v.Spec, v.Gated, v.Grad)
	}
	return n.standIns[v]
}

// block closes a body over all that any body of the operator has captured.
func (n *subgraphs) block(nodes []*ir.Node, outs []*ir.Value) *ir.Block {
	inputs := append([]*ir.Value{}, n.formal...)
	for _, v := range n.captured {
		inputs = append(inputs, n.standIns[v])
	}
	return ir.NewBlock(nodes, inputs, outs)
}

// add appends the operator to the graph. It reads its own inputs and then what its bodies captured.
func (n *subgraphs) add(op op.Operator, specs []op.Spec) error {
	return n.c.Lower.Add(op, specs, append(slices.Clone(n.c.Values), n.captured...))
}

// gradients is the gradients that an operator computed together for one output in one step.
type gradients struct {
	step  uint64
	grads []*op.Tensor
}

// once computes the gradients of all inputs by output k at the first call in a step, and copies that of input i to dx.
func once(cache map[int]*gradients, x *op.Context, i, k int, dx *op.Tensor,
	compute func() ([]*op.Tensor, error)) error {
	p := cache[k]
	if p == nil || p.step != x.Step || x.Step == 0 {
		grads, err := compute()
		if err != nil {
			return err
		}
		p = &gradients{x.Step, grads}
		cache[k] = p
	}
	if g := p.grads[i]; g != nil {
		copy(dx.F, g.F)
	} else {
		clear(dx.F)
	}
	return nil
}
