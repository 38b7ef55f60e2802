package tape

import (
	"fmt"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
)

// expression is a program as a Gorgonia expression graph.
type expression struct {
	graph  *G.ExprGraph
	nodes  []*G.Node // by the vectors' numbers
	memory pool
	step   uint64
}

// newExpression hands the program through onnx-go's decoder and makes a node of every vector.
func newExpression(p *Program) (*expression, error) {
	e := &expression{graph: G.NewGraph(), nodes: make([]*G.Node, len(p.vectors))}
	leaf := func(i int) {
		v := p.items[i].out[0]
		e.nodes[v.number] = G.NewVector(e.graph, G.Float32, G.WithShape(v.Len), G.WithName(p.items[i].name),
			G.WithValue(newVector(p.items[i].values)))
	}
	next := 0
	leavesBefore := func(index int) { // in the program's order, from which Gorgonia's follows
		for ; next < index; next++ {
			if p.items[next].call == nil {
				leaf(next)
			}
		}
	}
	err := decode(p, func(index int, inputs []int) error {
		leavesBefore(index)
		c := p.items[index].call
		if len(inputs) != len(c.In) {
			return fmt.Errorf("%s %q came back from onnx-go with %d inputs, it has %d",
				c.Op, c.Name, len(inputs), len(c.In))
		}
		children := make([]*G.Node, len(inputs))
		for i, n := range inputs {
			children[i] = e.nodes[n]
		}
		return e.apply(c, p.items[index].out, children)
	})
	leavesBefore(len(p.items))
	return e, err
}

// running is a call while its program runs, with the memory of its outputs.
type running struct {
	e     *expression
	c     *Call
	out   []Data
	value []G.Value // Gorgonia's view of out
	lease []*lease  // memory of out; nil for integers and scalars, which keep theirs
	step  uint64    // the step that out was computed in
}

// apply adds a call to the expression: one Gorgonia node for each output.
func (e *expression) apply(c *Call, outs []*Vector, children []*G.Node) error {
	n := len(outs)
	r := &running{e: e, c: c, out: make([]Data, n), value: make([]G.Value, n), lease: make([]*lease, n)}
	for k, s := range c.Out {
		switch s.Kind {
		case Floats:
			r.lease[k] = e.memory.lease(max(1, s.Len))
			r.lease[k].kept = c.Own
		case Ints:
			all := make([]int64, max(1, s.Len))
			r.out[k].I, r.value[k] = all[:s.Len], newIntVector(all)
		case Scalar:
			r.out[k].F = make([]float32, 1)
		}
		node, err := r.forward(k).Apply(children...)
		if err != nil {
			return fmt.Errorf("%s %q: %w", c.Op, c.Name, err)
		}
		e.nodes[outs[k].number] = node
	}
	return nil
}

// forward is the Gorgonia operation of output k. The function computes all its outputs when the first of them is asked
// for in a step.
func (r *running) forward(k int) *operation {
	o := &operation{Name: r.c.Op + " " + r.c.Name, Out: typeOf(r.c.Out[k]),
		Len: max(1, r.c.Out[k].Len), lease: r.lease[k]}
	for i, v := range r.c.In {
		o.In = append(o.In, typeOf(v.Shape))
		o.Diff = append(o.Diff, r.c.Flows != nil && r.c.Flows(i, k))
	}
	o.Run = func(in []G.Value) (G.Value, error) {
		if r.step != r.e.step {
			r.takeOutputs()
			if err := r.c.Forward(r.e.step, r.inputs(r.all(), in), r.out); err != nil {
				return nil, err
			}
			r.step = r.e.step
		}
		if r.c.Out[k].Kind == Scalar {
			return G.NewF32(r.out[k].F[0]), nil
		}
		return r.value[k], nil
	}
	o.Grad = func(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
		grads := make(G.Nodes, len(in))
		for i := range in {
			if !o.Diff[i] {
				continue
			}
			g, err := r.gradient(i, k, in, out, grad)
			if err != nil {
				return nil, err
			}
			grads[i] = g
		}
		return grads, nil
	}
	return o
}

// gradient is the node of the gradient with respect to input i through output k, whose own gradient is grad.
func (r *running) gradient(i, k int, in G.Nodes, out, grad *G.Node) (*G.Node, error) {
	need := r.reads(i, k)
	var read G.Nodes
	for _, j := range need.In {
		read = append(read, in[j])
	}
	if need.Out {
		read = append(read, out)
	}
	return r.backward(i, k, need).Apply(append(read, grad)...)
}

// backward is the Gorgonia operation of the gradient with respect to input i through output k.
func (r *running) backward(i, k int, need Reads) *operation {
	n, m := r.c.In[i].Len, r.c.Out[k].Len
	o := &operation{Name: fmt.Sprintf("gradient %d of %s %s", i, r.c.Op, r.c.Name), Out: floatVector, Len: max(1, n)}
	o.lease = r.e.memory.lease(o.Len)
	for _, j := range need.In {
		o.In = append(o.In, typeOf(r.c.In[j].Shape))
	}
	if need.Out {
		o.In = append(o.In, typeOf(r.c.Out[k]))
	}
	o.In = append(o.In, typeOf(r.c.Out[k]))
	o.Run = func(in []G.Value) (G.Value, error) {
		out := r.out
		if !need.Out {
			out = make([]Data, len(r.out))
		}
		given := r.inputs(need.In, in)
		memory := o.lease.take()
		if err := r.c.Backward(r.e.step, i, k, given, out, floats(in[len(in)-1])[:m], memory[:n]); err != nil {
			return nil, fmt.Errorf("gradient: %w", err)
		}
		return newVector(memory), nil
	}
	return o
}

// inputs are the elements of the inputs at the given places, from the values of this step; what others held may belong
// to somebody else by now.
func (r *running) inputs(given []int, values []G.Value) []Data {
	list := make([]Data, len(r.c.In))
	for c, i := range given {
		if v := r.c.In[i]; v.Kind == Ints {
			list[i].I = values[c].Data().([]int64)[:v.Len]
		} else {
			list[i].F = floats(values[c])[:v.Len]
		}
	}
	return list
}

// all is the places of all inputs.
func (r *running) all() []int {
	list := make([]int, len(r.c.In))
	for i := range list {
		list[i] = i
	}
	return list
}

// reads is what the gradient with respect to input i through output k reads.
func (r *running) reads(i, k int) Reads {
	if r.c.Reads == nil {
		return Reads{r.all(), true}
	}
	return r.c.Reads(i, k)
}

// takeOutputs claims this step's memory for all outputs.
func (r *running) takeOutputs() {
	for k, l := range r.lease {
		if l != nil {
			memory := l.take()
			r.out[k].F, r.value[k] = memory[:r.c.Out[k].Len], newVector(memory)
		}
	}
}

// typeOf is the Gorgonia type of a vector.
func typeOf(s Shape) hm.Type {
	switch s.Kind {
	case Ints:
		return intVector
	case Scalar:
		return floatScalar
	}
	return floatVector
}
