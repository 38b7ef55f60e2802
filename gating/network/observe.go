package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// NewObserver returns a Runner that shows each output of the graph as soon as it
// is computed, and keeps none: many values of a network can be looked at in one
// pass without the memory for all of them. show may change the elements, and nodes
// that run later read what it leaves. Run then returns no outputs. The error, of
// kind ErrShape, names an output that no node computes.
func NewObserver(g *Graph, w *kernel.Workers, show func(output int, t *op.Tensor)) (*Runner, error) {
	r := &Runner{graph: g.lowered, ctx: &op.Context{Workers: w}, values: map[*ir.Value]*op.Tensor{},
		shown: map[*ir.Node][]int{}, show: show}
	for i, o := range g.lowered.Outputs {
		n := o.Value.Root().Node
		if n == nil {
			return nil, fmt.Errorf("output %q is computed by no node: %w", o.Name, op.ErrShape)
		}
		r.shown[n] = append(r.shown[n], i)
	}
	r.plan(newBufferPlan(g.lowered, nil))
	return r, nil
}
