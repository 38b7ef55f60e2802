package network

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Visit is a node that is about to read a mixture, in the middle of a run.
type Visit struct {
	Param int          // the mixture's index among Graph.Params
	Slot  int          // which of the node's inputs it is
	Op    string       // the node's operator type
	In    []*op.Tensor // the node's inputs, nil where an optional one is absent
	Conv  *kernel.Conv // the geometry of a convolution, else nil
}

// Mixture returns the elements of one of the graph's mixtures, nil for one that no node reads. Whoever visits a run may
// change them: nodes that run later read what it leaves.
func (r *Runner) Mixture(param int) *op.Tensor {
	for value, t := range r.values {
		if value.Param == param {
			return t
		}
	}
	return nil
}

// NewVisitor returns an observer (see NewObserver) that also, before each node that reads mixtures runs, calls visit
// once for each of them; an error of visit ends the run. So weights can be found from what reaches them through the
// weights found before, in one pass.
func NewVisitor(g *Graph, w *kernel.Workers, visit func(*Visit) error, show func(output int, t *op.Tensor)) (*Runner,
	error) {
	r, err := NewObserver(g, w, show)
	if err == nil {
		r.visit = visit
	}
	return r, err
}

// visits calls visit for the mixtures that a step reads.
func (r *Runner) visits(s *ir.Step) error {
	for slot, v := range s.Node.In {
		if v == nil || v.Param < 0 {
			continue
		}
		visit := &Visit{Param: v.Param, Slot: slot, Op: s.Node.Op, In: s.In}
		if c, ok := s.Node.Run.(interface{ Geometry() *kernel.Conv }); ok {
			visit.Conv = c.Geometry()
		}
		if err := r.visit(visit); err != nil {
			return err
		}
	}
	return nil
}
