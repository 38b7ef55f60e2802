package experts

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Where gates are computed from is a bargain: later layers often tell better which model a sample is for, but every
// layer before is shared, and the mean of the models does less well there than each. So the files themselves are
// compared, on half of the samples, with prototypes of the other half: those of the places that tell anything,
// mostPlaces at most. (Of the convolutional networks of fixtures/kinds.py, the place that tells samples apart best
// makes a file that is right on 69 % of the test's, the place chosen so on 90.)

// mostPlaces is how many files are compared, and mostSeen at how many places samples are looked at.
const (
	mostPlaces = 8
	mostSeen   = 24
)

// choose takes the place whose file has the least loss, and makes prototypes of all samples there.
func (e *Experts) choose(ctx context.Context, ev *gating.Evaluator, candidates []*Experts, o Options) (*view, error) {
	if len(candidates) > 1 {
		best, err := e.best(ctx, ev, candidates, o)
		if err != nil {
			return nil, err
		}
		candidates = []*Experts{best}
	}
	views, err := e.seen(ctx, ev, candidates, o)
	if err != nil {
		return nil, err
	}
	return views[0], nil
}

// best is the merge with gates from the place whose file has the least loss. Where there are too few samples for halves
// it is the one whose prototypes tell them apart best.
func (e *Experts) best(ctx context.Context, ev *gating.Evaluator, candidates []*Experts, o Options) (*Experts, error) {
	learn, judge, err := ev.Fold(0, 2, 0)
	var views []*view
	if err == nil {
		views, err = e.seen(ctx, learn, candidates, o)
	}
	if errors.Is(err, dataset.ErrData) {
		if views, err = e.seen(ctx, ev, candidates, o); err == nil {
			return views[clearest(views)].Experts, nil
		}
	}
	if err != nil {
		return nil, err
	}
	var chosen *view
	var least float64
	for _, v := range shortlist(views) {
		m, err := v.merge().All()
		if err != nil {
			return nil, err
		}
		s, err := judge.Score(ctx, m)
		if err != nil {
			return nil, err
		}
		if chosen == nil || s.Loss < least || math.IsNaN(least) {
			chosen, least = v, s.Loss
		}
	}
	return chosen.Experts, nil
}

// clearest is the number of the view whose gates say best which model samples are for.
func clearest(views []*view) int {
	best := 0
	for i, v := range views {
		if v.fit.mean() < views[best].fit.mean() {
			best = i
		}
	}
	return best
}

// shortlist are the views whose files are compared: those that tell more than a guess does, evenly spread over the
// graph where they are many, and the clearest.
func shortlist(views []*view) (list []*view) {
	clear := views[clearest(views)]
	for _, v := range views {
		if v == clear || v.fit.mean() < v.protos.guess() {
			list = append(list, v)
		}
	}
	if len(list) <= mostPlaces {
		return list
	}
	list = spread(list, mostPlaces-1)
	if slices.Contains(list, clear) {
		return list
	}
	return append(list, clear)
}

// spread takes so many of a list at most, evenly, the first and the last among them.
func spread[T any](list []T, most int) []T {
	if len(list) <= most {
		return list
	}
	out := make([]T, most)
	for i := range out {
		out[i] = list[i*(len(list)-1)/(most-1)]
	}
	return out
}

// seen runs the models' mean over the samples and fits prototypes at each place, flat or as means over positions,
// whichever tells samples apart better. Places where all samples look alike are left out.
func (e *Experts) seen(ctx context.Context, ev *gating.Evaluator, candidates []*Experts, o Options) ([]*view, error) {
	of, err := e.meantFor(ctx, ev, o)
	if err != nil {
		return nil, err
	}
	all, err := e.views(ctx, ev, candidates)
	if err != nil {
		return nil, err
	}
	var list []*view
	for _, v := range all {
		v.protos = newPrototypes(v.rows, of, len(e.tasks))
		v.fit = v.protos.fit(v.rows, of)
		last := len(list) - 1
		switch {
		case v.fit == nil:
		case last < 0 || list[last].place != v.place:
			list = append(list, v)
		case v.fit.mean() < list[last].fit.mean():
			list[last] = v
		}
	}
	if len(list) == 0 {
		return nil, advice.Errorf(dataset.ErrData, "give other samples, or another --router",
			"all samples look alike where the gates could be computed")
	}
	return list, nil
}

// merge is the merge with the view's gates.
func (v *view) merge() *Experts {
	e := *v.Experts
	e.warnings = slices.Clone(e.warnings)
	e.gates = gating.RecipeGates{Router: e.place.layer, Flat: v.flat || e.place.rank == 2, Shapes: e.sample,
		Prototypes: v.protos.means, Temperature: v.fit.tau}
	e.tell(v.protos, v.fit)
	return &e
}
