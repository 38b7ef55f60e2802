package gating

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// compiled is the cost and its gradient for one shape of samples and number of
// them, ready to run.
type compiled struct {
	network *network.Program
	machine *tape.Machine
	// gradients say where the machine has those of each group's log a, then of each group's scales and shifts: -1 where
	// the cost does not depend on them, as on those of a layer for an output that no loss reads.
	gradients []int
}

// lowered is the network for samples of a part, cut at the gates, and the bytes it takes.
func (t *trainer) lowered(r run) (*network.Program, int64, error) {
	graph, err := t.forward.lower(r)
	if err != nil {
		return nil, 0, err
	}
	o := t.forward.evaluator.objective
	var heads []network.Head
	for i, outputs := range o.Outputs() {
		h := o.Heads[i]
		heads = append(heads, network.Head{Outputs: outputs, Read: h.Reader(), Loss: h.Loss, Weight: h.Weight})
	}
	p, err := network.NewProgram(graph, heads, t.forward.config.Workers)
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

// build puts gates, network, loss and l0 term on a tape and compiles their sum and its gradient.
func (c *compiled) build(list []*gates, lambda float64) error {
	p := tape.New()
	coeffs, logAlphas := make([]*tape.Vector, len(list)), make([]*tape.Vector, len(list))
	var learned, others []*tape.Vector
	for i, g := range list {
		logAlphas[i] = p.Parameter(fmt.Sprintf("log_alpha %d", i), g.value)
		coeffs[i] = g.coefficients(p, logAlphas[i])
		if !g.frozen {
			learned = append(learned, logAlphas[i])
		}
		if a := g.affine; a != nil {
			scale := p.Parameter(fmt.Sprintf("scale %d", i), a.scale)
			shift := p.Parameter(fmt.Sprintf("shift %d", i), a.shift)
			coeffs[i] = a.apply(p, coeffs[i], scale, shift)
			if len(g.learnedAffine()) > 1 {
				others = append(others, scale)
			}
			others = append(others, shift)
		}
	}
	losses, err := c.network.Build(p, coeffs)
	if err != nil {
		return err
	}
	cost := append(losses, penalty{list, lambda}.apply(p, logAlphas))
	reached := p.Reached(cost...)
	var wanted []*tape.Vector
	for _, v := range append(learned, others...) {
		at := -1
		if reached[v] {
			at = len(wanted)
			wanted = append(wanted, v)
		}
		c.gradients = append(c.gradients, at)
	}
	c.machine, err = p.Compile(cost, wanted...)
	return err
}

// gradient is that of the last run with respect to the i-th of what is learned, nil where there is none.
func (c *compiled) gradient(i int) []float32 {
	if c.gradients[i] < 0 {
		return nil
	}
	return c.machine.Gradient(c.gradients[i])
}

// run computes cost and gradients of a batch, given what comes before the first gate.
func (c *compiled) run(values []*network.Tensor, targets []*network.Tensor) (float64, error) {
	c.network.Set(values, targets...)
	return c.machine.Run()
}

// close ends the machine.
func (c *compiled) close() { c.machine.Close() }
