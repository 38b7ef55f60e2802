package gating

import (
	"fmt"
	"runtime"

	"github.com/softmerge/softmerge/gating/network"
	G "gorgonia.org/gorgonia"
)

// compiled is the cost and its gradient for one shape of samples and number of
// them, ready to run.
type compiled struct {
	network *network.Program
	cost    *G.Node
	grads   G.Nodes // of each group's log a
	vm      G.VM
}

// lowered is the network for samples of a part, cut at the gates, and the bytes it takes.
func (t *trainer) lowered(r run) (*network.Program, int64, error) {
	graph, err := t.forward.lower(r)
	if err != nil {
		return nil, 0, err
	}
	p, err := network.NewProgram(graph, 0, t.loss, t.forward.config.Workers)
	return p, graph.Bytes(), err
}

// program returns the compiled program for batches of a part.
func (t *trainer) program(part int) (*compiled, error) {
	return t.programs.get(part, func() (*compiled, int64, error) {
		n, bytes, err := t.lowered(run{part, t.forward.sizes[part]})
		if err != nil {
			return nil, 0, err
		}
		t.keepPrefix(n, part)
		c := &compiled{network: n}
		return c, bytes, c.build(t.gates, t.l0)
	})
}

// build makes the expression graph: gates, network, loss, l0 term, gradients.
func (c *compiled) build(list []*gates, lambda float64) error {
	eg := G.NewGraph()
	coeffs, leaves := make([]*G.Node, len(list)), make(G.Nodes, len(list))
	for i, g := range list {
		leaves[i] = g.leaf(eg, fmt.Sprintf("log_alpha %d", i))
		var err error
		if coeffs[i], err = g.coefficients(leaves[i]); err != nil {
			return err
		}
	}
	loss, err := c.network.Build(coeffs)
	if err != nil {
		return err
	}
	l0, err := penalty(list, leaves, lambda)
	if err != nil {
		return err
	}
	if c.cost, err = G.Add(loss, l0); err != nil {
		return err
	}
	one := G.NewScalar(eg, G.Float32, G.WithName("one"), G.WithValue(float32(1)))
	if c.grads, err = G.Backpropagate(G.Nodes{c.cost}, G.Nodes{one}, leaves); err != nil {
		return fmt.Errorf("building the gradient: %w", err)
	}
	return c.compile(eg)
}

// compile makes the tape machine, which panics where it cannot.
func (c *compiled) compile(eg *G.ExprGraph) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compiling the expression graph: %v", r)
		}
	}()
	c.vm = G.NewTapeMachine(eg)
	return nil
}

// run computes cost and gradients of a batch, given what comes before the first gate.
func (c *compiled) run(values []*network.Tensor, target *network.Tensor) (float64, G.Nodes, error) {
	c.network.Set(values, target)
	c.network.NextStep()
	defer c.vm.Reset()
	if err := c.vm.RunAll(); err != nil {
		return 0, nil, err // the cost may have no value yet
	}
	return float64(network.Floats(c.cost.Value())[0]), c.grads, nil
}

// close ends the machine. Its finalizer, which is for other builds of Gorgonia,
// would keep the program's memory for one collection more.
func (c *compiled) close() {
	c.vm.Close()
	runtime.SetFinalizer(c.vm, nil)
}
