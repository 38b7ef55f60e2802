package experts

import (
	"context"
	"math"
	"path/filepath"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// SE is what the command line, recipes and metadata call SE-Merging.
const SE gating.Method = "se"

// Make mixes aligned models by a method of this package: SE, see Prototypes, or SMEAR, see Smear.
func Make(ctx context.Context, method gating.Method, s *graphmatch.Selection, ev *gating.Evaluator,
	o Options) (*Experts, error) {
	switch method {
	case SE:
		return Prototypes(ctx, s, ev, o)
	case SMEAR:
		return Smear(ctx, s, ev, o)
	}
	return nil, advice.Errorf(gating.ErrOption, "se or smear", "method %q does not mix models for every sample", method)
}

// Prototypes mixes aligned models' selected layers by gates that say how near a sample is to those that each model is
// for: the samples that Options.Files says, else those on which it has the least loss of all models. The data also says
// what layer's input the gates are computed from: the one with which the file has the least loss on samples that its
// prototypes were not made of. Nothing else is learned.
//
// Errors are of kind network.ErrUnsupported where layers cannot be mixed sample by sample, graphmatch.ErrAlign where
// the models do not go together, graphmatch.ErrPattern of the router's pattern, dataset.ErrData where the data does not
// tell what each model is for, gating.ErrOption, and those of running the models.
func Prototypes(ctx context.Context, s *graphmatch.Selection, ev *gating.Evaluator, o Options) (*Experts, error) {
	e, candidates, err := begin(SE, s, ev, o)
	if err != nil {
		return nil, err
	}
	v, err := e.choose(ctx, ev, candidates, o)
	if err != nil {
		return nil, err
	}
	return v.merge(), nil
}

// begin checks models, and lists the merges with gates from each place that there can be.
func begin(method gating.Method, s *graphmatch.Selection, ev *gating.Evaluator, o Options) (e *Experts,
	candidates []*Experts, err error) {
	sample, err := ev.SampleShapes(base(s.Alignment))
	if err != nil {
		return nil, nil, err
	}
	if e, err = newExperts(method, s, sample, o); err != nil {
		return nil, nil, err
	}
	candidates, err = e.candidates(o.Router)
	return e, candidates, err
}

// candidates are the merges with gates from each place that a pattern allows and behind which all layers can be mixed.
func (e *Experts) candidates(pattern string) (list []*Experts, err error) {
	layers := e.selection.Layers
	if pattern != "" {
		found, err := e.selection.Alignment.Select([]string{pattern}, nil)
		if err != nil {
			return nil, err
		}
		layers = found.Layers
	}
	var why error
	for _, p := range spread(e.places(layers), mostSeen) {
		c, err := e.at(p)
		if err == nil {
			list = append(list, c)
			continue
		}
		why = err
	}
	switch {
	case len(list) > 0:
		return list, nil
	case why != nil:
		return nil, why
	}
	return nil, advice.Errorf(network.ErrUnsupported, "name another layer with --router",
		"no layer that the gates could be computed at reads numbers that have the samples along their first axis")
}

// meantFor says of each sample which model it is for.
func (e *Experts) meantFor(ctx context.Context, ev *gating.Evaluator, o Options) ([]int, error) {
	var of []int
	if o.Files != nil {
		of = o.Files(ev.Data())
	} else {
		var losses [][]float64
		for _, m := range e.selection.Alignment.Models {
			s, err := ev.Score(ctx, m)
			if err != nil {
				return nil, err
			}
			losses = append(losses, s.Losses())
		}
		of = mostCompetent(losses)
	}
	counts := make([]int, len(e.tasks))
	for _, j := range of {
		counts[j]++
	}
	for j, n := range counts {
		if n < leastSamples {
			return nil, advice.Errorf(dataset.ErrData, "leave that model out, or give more samples of what it is for",
				"%d of %d samples are for %s, too few for a prototype", n, len(of),
				filepath.Base(e.selection.Alignment.Models[j].Path()))
		}
	}
	return of, nil
}

// leastSamples of a model make a prototype that can be judged.
const leastSamples = 2

// mostCompetent says of each sample which model has the least loss, the first of equal ones. A loss that is no number
// is the worst.
func mostCompetent(losses [][]float64) []int {
	of := make([]int, len(losses[0]))
	for b := range of {
		for j := range losses {
			if least := losses[of[b]][b]; losses[j][b] < least || math.IsNaN(least) {
				of[b] = j
			}
		}
	}
	return of
}

// Check says whether models' selected layers can be mixed sample by sample, as Make does, without running them.
func Check(s *graphmatch.Selection, ev *gating.Evaluator, o Options) error {
	_, _, err := begin(SE, s, ev, o)
	return err
}
