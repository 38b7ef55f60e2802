package network

import (
	"errors"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// nest collects what the bodies of one operator read from outside: their operator reads it in their place.
type nest struct {
	c        *site
	formal   []*value // stand-ins for the operator's own inputs
	captured []*value // roots outside
	standIns map[*value]*value
}

// newNest takes stand-ins for the operator's own inputs, nil for those that no body reads.
func newNest(c *site, formal []*value) *nest {
	return &nest{c: c, formal: formal, standIns: map[*value]*value{}}
}

// standIn is a value whose elements are given at run time.
func standIn(s Spec, gated, grad bool) *value {
	return &value{spec: s, param: -1, input: "given", gated: gated, grad: grad && s.IsFloat()}
}

// body lowers a body to nodes of its own, apart from the graph's, with its inputs bound to the values in.
func (n *nest) body(g *onnxpb.GraphProto, in []*value) (nodes []*node, outs []*value, err error) {
	if nodes, outs, err = n.c.lower.Apart(g, in); err != nil {
		return nil, nil, undecided(n.c, err)
	}
	for _, v := range outs {
		if v == absent || v.list != nil || v.spec.Type == onnx.Undefined {
			return nil, nil, n.c.unsupported("what its body computes depends on the data, and is no tensor")
		}
	}
	return nodes, outs, nil
}

// undecided is the error for a body that cannot be computed while it is not known how often it must be. With the
// inputs known, it may turn out otherwise.
func undecided(c *site, err error) error {
	if errors.Is(err, onnx.ErrInvalid) {
		return err
	}
	return c.unsupported("whether and how often its body runs depends on the data, and the body cannot be computed: %v", err)
}

// localise replaces what nodes and outputs read from outside by stand-ins.
func (n *nest) localise(nodes []*node, outs []*value) []*value {
	inside := map[*value]bool{}
	for _, v := range n.formal {
		inside[v] = true
	}
	for _, m := range nodes {
		for k, v := range m.in {
			m.in[k] = n.local(v, inside)
		}
		for _, v := range m.out {
			inside[v] = true
		}
	}
	list := make([]*value, len(outs))
	for i, v := range outs {
		list[i] = n.local(v, inside)
	}
	return list
}

// local is the value itself where the body computes it, is given it or knows it; else its stand-in.
func (n *nest) local(v *value, inside map[*value]bool) *value {
	switch {
	case v == nil || v.known != nil || inside[v]:
		return v
	case v.view != nil:
		w := *v
		w.view = n.local(v.view, inside)
		return &w
	case n.standIns[v] == nil:
		n.captured = append(n.captured, v)
		n.standIns[v] = standIn(v.spec, v.gated, v.grad)
	}
	return n.standIns[v]
}

// block closes a body over all that any body of the operator has captured.
func (n *nest) block(nodes []*node, outs []*value) *block {
	inputs := append([]*value{}, n.formal...)
	for _, v := range n.captured {
		inputs = append(inputs, n.standIns[v])
	}
	return newBlock(nodes, inputs, outs)
}

// add appends the operator to the graph. It reads its own inputs and then what its bodies captured.
func (n *nest) add(op Operator, specs []Spec) error {
	return n.c.lower.Add(op, specs, append(slices.Clone(n.c.values), n.captured...))
}

// pulled is the gradients that an operator computed together for one output in one step.
type pulled struct {
	step  uint64
	grads []*Tensor
}

// once computes the gradients of all inputs by output k at the first call in a step, and copies that of input i to dx.
func once(cache map[int]*pulled, x *Context, i, k int, dx *Tensor, compute func() ([]*Tensor, error)) error {
	p := cache[k]
	if p == nil || p.step != x.Step || x.Step == 0 {
		grads, err := compute()
		if err != nil {
			return err
		}
		p = &pulled{x.Step, grads}
		cache[k] = p
	}
	if g := p.grads[i]; g != nil {
		copy(dx.F, g.F)
	} else {
		clear(dx.F)
	}
	return nil
}
