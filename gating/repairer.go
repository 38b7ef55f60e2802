package gating

import (
	"context"

	"github.com/softmerge/softmerge/gating/network"
)

// repairSamples is how many training samples activations are measured on.
const repairSamples = 64

// Repairer repairs plans (see Repair) of the same parents for one data set. It measures
// the parents' activations once, when first needed.
type Repairer struct {
	evaluator *Evaluator
	parents   [][]moments // per parent and repairable layer
}

// NewRepairer returns a repairer that measures on the first of the evaluator's samples.
func NewRepairer(e *Evaluator) *Repairer { return &Repairer{evaluator: e.Head(repairSamples)} }

// Repair returns the plan with its layers repaired for the coefficients: at
// those, every channel has the mean and the deviation that its parents' have in
// the mixture's proportions. Each layer is measured once those before it are
// repaired, all in one pass over a few training samples. It returns the plan as it is
// where no layer can be repaired.
func (r *Repairer) Repair(ctx context.Context, p *Plan, c Coefficients) (*Plan, error) {
	layers := p.repairables()
	if len(layers) == 0 {
		return p, nil
	}
	if err := r.measureParents(ctx, p, layers); err != nil {
		return nil, err
	}
	plain, err := p.Bake(c)
	if err != nil {
		return nil, err
	}
	base := p.selection.Alignment.Base
	names := make([]string, len(layers))
	for i := range layers {
		names[i] = layers[i].value(base)
	}
	list := make([]Repair, len(layers))
	repair := func(i int, t *network.Tensor) {
		axis := layers[i].axis(t)
		list[i] = repairTo(layers[i].layer.Name, momentsOf(t, axis), p.wanted(&layers[i], c, r.parents, i))
		list[i].apply(t, axis)
	}
	o, err := r.evaluator.newObserver(plain, names, r.evaluator.data.Len(), repair)
	if err != nil {
		return nil, err
	}
	if !o.inOneRun() {
		return p, nil // a graph for a few samples at a time gives no moments to repair by
	}
	if err := o.run(ctx); err != nil {
		return nil, err
	}
	return p.repairedBy(list), nil
}

// measureParents measures the layers' outputs in every parent, once for all plans.
func (r *Repairer) measureParents(ctx context.Context, p *Plan, layers []repairable) error {
	if r.parents != nil {
		return nil
	}
	list := make([][]moments, p.parents())
	for j, model := range p.selection.Alignment.Models {
		var err error
		if list[j], err = r.evaluator.channelMoments(ctx, model, layers, j); err != nil {
			return err
		}
	}
	r.parents = list
	return nil
}
