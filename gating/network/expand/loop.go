package expand

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// while is a Loop whose number of iterations depends on the data. Its inputs are the trip count and the condition,
// each of which may be absent, the states, and what the body reads from outside.
type while struct {
	body    *ir.Block
	states  int
	history [][]*op.Tensor // states before each iteration, where a gradient is wanted
	learns  bool
	cache   map[int]*gradients
}

// dynamicLoop lowers the body once, to a block. States must keep their type and shape, and no output may be stacked.
func dynamicLoop(c *Call) error {
	g := c.Attr("body").GetG()
	states := c.In[2:]
	for k := len(states); k < len(c.Node.GetOutput()); k++ {
		if c.Node.GetOutput()[k] != "" {
			return c.Unsupported("how often it runs depends on the data, and so does the shape of its output %d", k)
		}
	}
	if err := c.checkTrips(); err != nil {
		return err
	}
	gated, grad := c.Lower.Reach()
	formal := []*ir.Value{standIn(op.Spec{Type: onnx.Int64, Shape: []int{}}, false, false),
		standIn(op.Spec{Type: onnx.Bool, Shape: []int{}}, false, false)}
	for k, in := range states {
		if in == nil || in.Type == onnx.Undefined || c.Values[2+k].List != nil {
			return c.Unsupported("how often it runs depends on the data, and state %d is no tensor", k)
		}
		formal = append(formal, standIn(in.Spec, gated, grad))
	}
	n := newSubgraphs(c, formal)
	nodes, outs, err := n.body(g, formal)
	if err != nil {
		return err
	}
	if still := outs[0].Spec; !isSingle(still) {
		return c.ShapeError("the condition of its body is %s, want one bool", still)
	}
	specs, err := c.steadyStates(outs[1:])
	if err != nil {
		return err
	}
	outs = n.localise(nodes, outs)
	w := &while{body: n.block(nodes, outs[:1+len(states)]), states: len(states),
		learns: grad, cache: map[int]*gradients{}}
	return n.add(w, specs)
}

// steadyStates returns the specs of a Loop's states, which the body must not change.
func (c *Call) steadyStates(outs []*ir.Value) ([]op.Spec, error) {
	var specs []op.Spec
	for k, in := range c.In[2:] {
		if got := outs[k].Spec; got.Type != in.Type || !slices.Equal(got.Shape, in.Shape) {
			return nil, c.Unsupported("how often it runs depends on the data, and its state %d changes from %s to %s",
				k, in.Spec, got)
		}
		specs = append(specs, in.Spec)
	}
	return specs, nil
}

// checkTrips holds a Loop's trip count and condition, where they are there, to one number each.
func (c *Call) checkTrips() error {
	for i, in := range c.In[:2] {
		if in != nil && !isSingle(in.Spec) {
			return c.ShapeError("input %d is %s, want one number of times and one bool", i, in.Spec)
		}
	}
	return nil
}

// isSingle says whether a tensor holds one whole number or bool.
func isSingle(s op.Spec) bool { return !s.IsFloat() && s.Type != onnx.Undefined && s.Len() == 1 }

// Forward runs the body until the condition or the trip count ends it.
func (w *while) Forward(x *op.Context, in, out []*op.Tensor) error {
	w.history = w.history[:0]
	states := slices.Clone(in[2 : 2+w.states])
	running := in[1] == nil || in[1].I[0] != 0
	for i := int64(0); running && (in[0] == nil || i < in[0].I[0]); i++ {
		if i == maxTrips {
			return fmt.Errorf("it runs more than %d times", maxTrips)
		}
		if w.learns {
			w.history = append(w.history, states)
		}
		if err := w.step(x, in, i, states); err != nil {
			return fmt.Errorf("iteration %d: %w", i, err)
		}
		running = w.body.Read(w.body.Outputs[0]).I[0] != 0
		states = make([]*op.Tensor, w.states)
		for k := range states {
			states[k] = op.NewTensor(w.body.Outputs[1+k].Spec)
			copyTensor(states[k], w.body.Read(w.body.Outputs[1+k]))
		}
	}
	for k, t := range states {
		if out[k] != nil {
			copyTensor(out[k], t)
		}
	}
	return nil
}

// step runs the body once.
func (w *while) step(x *op.Context, in []*op.Tensor, i int64, states []*op.Tensor) error {
	args := []*op.Tensor{{Type: onnx.Int64, Shape: []int{}, I: []int64{i}}, boolTensor(true)}
	args = append(append(args, states...), in[2+w.states:]...)
	return w.body.Run(x.Workers, args)
}

// Backward takes dy back through all iterations, the last one first. Each is run again.
func (w *while) Backward(x *op.Context, i, k int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	return once(w.cache, x, i, k, dx, func() ([]*op.Tensor, error) {
		total := make([]*op.Tensor, len(in))
		at := make([]*op.Tensor, 1+w.states)
		at[1+k] = dy
		for n := len(w.history) - 1; n >= 0; n-- {
			if err := w.step(x, in, int64(n), w.history[n]); err != nil {
				return nil, err
			}
			grads, err := w.body.Backward(at)
			if err != nil {
				return nil, err
			}
			copy(at[1:], grads[2:2+w.states])
			for j := 2 + w.states; j < len(grads); j++ {
				total[j] = sumOf(total[j], grads[j])
			}
		}
		copy(total[2:], at[1:])
		return total, nil
	})
}

// sumOf adds two tensors either of which may be nil.
func sumOf(a, b *op.Tensor) *op.Tensor {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	for i, v := range b.F {
		a.F[i] += v
	}
	return a
}

// GradientProblem says what in the body a gradient cannot pass.
func (w *while) GradientProblem() error { return w.body.Check() }
