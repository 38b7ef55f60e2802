package search

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// One parent has its preprocessing in the graph, or a softmax behind the last layer, and the others leave it to the
// program around them. Its weights may fit those of the base all the same, but the user's data is what the base takes,
// and judged as it is the parent looks bad, or cannot be run at all. So it is judged as what a merge makes of it: the
// base's graph with its weights. Where it is the better as it is, its weights were trained on other inputs than the
// base's, which no mixture can please.

// fitEnds finds the parents whose ends are unlike the base's and has them judged in the base's graph, with a warning.
// A parent whose weights want other inputs than the base's is an error of kind graphmatch.ErrAlign, or a warning where
// the options say to go on anyway.
func (m *search) fitEnds(ctx context.Context) error {
	a := m.selection.Alignment
	var apart []string // layers that do not fit
	for i := range a.Layers {
		if l := &a.Layers[i]; !l.Mergeable() && !l.Aside {
			apart = append(apart, fmt.Sprintf("%q", l.Name))
		}
	}
	for j := range a.Models {
		list := a.EndDifferences(j)
		if j == a.Base || len(apart)+len(list) == 0 {
			continue
		}
		var err error
		if len(apart) == 0 {
			err = m.chooseView(ctx, j, list)
		} else {
			err = m.viewTrunk(ctx, j, apart)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// viewTrunk scores parent j by its layers that fit in the base's graph, if it cannot be judged as it is: its head may
// have fewer classes than the labels. What is scored then is no model that the user has, and no candidate.
func (m *search) viewTrunk(ctx context.Context, j int, apart []string) error {
	few, err := m.sampled(misfedRounds[len(misfedRounds)-1])
	if err != nil {
		return err
	}
	_, why := few.Score(ctx, m.units.Parents[j])
	if why == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	view, there, err := m.inBase(ctx, few, j)
	if err != nil || view == nil {
		return err
	}
	m.view(j, view)
	if m.headless == nil {
		m.headless = map[int]error{}
	}
	m.headless[j] = why
	m.warnings.Addf(graphmatch.ErrAlign, "compare it with the result on data that it was trained for",
		"%s cannot be judged as it is (%v): it is merged by what the base's graph does with its weights but those of "+
			"%s (%s %.4g)", filepath.Base(m.units.Parents[j].Path()), why,
		strings.Join(apart[:min(len(apart), maxPairs)], ", "), few.Objective().Metric.Name, there.Metric)
	return nil
}

// inBase is parent j in the base's graph and its score there, nil where it has none.
func (m *search) inBase(ctx context.Context, few *gating.Evaluator, j int) (*onnx.Model, gating.Score, error) {
	view, err := gating.AsBase(m.selection.Alignment, j)
	if err != nil || view == nil {
		return nil, unknown, err
	}
	there, err := few.Score(ctx, view)
	if ctx.Err() != nil {
		return nil, unknown, ctx.Err()
	}
	if err != nil || !there.Finite() {
		return nil, unknown, nil // what is wrong is more than the ends, and said where parents are scored
	}
	return view, there, nil
}

// view has parent j judged as another model.
func (m *search) view(j int, as *onnx.Model) {
	if m.views == nil {
		m.views = slices.Clone(m.units.Parents)
	}
	m.views[j] = as
}

// chooseView judges parent j in the base's graph from here on, unless it is better as it is.
func (m *search) chooseView(ctx context.Context, j int, list []graphmatch.EndDifference) error {
	few, err := m.sampled(misfedRounds[len(misfedRounds)-1])
	if err != nil {
		return err
	}
	view, there, err := m.inBase(ctx, few, j)
	if err != nil || view == nil {
		return err
	}
	own, err := few.Score(ctx, m.units.Parents[j])
	if ctx.Err() != nil {
		return ctx.Err()
	}
	what, metric := m.endsOf(j, list), few.Objective().Metric
	in := fmt.Sprintf("%s %.4g in the base's graph", metric.Name, there.Metric)
	if err == nil && own.Finite() {
		x, y := bestHalf([]gating.Score{own}, metric.Smaller), bestHalf([]gating.Score{there}, metric.Smaller)
		in += fmt.Sprintf(", %.4g as it is", own.Metric)
		if x.better(y).clear() {
			return m.otherInputs(what, in)
		}
		if math.Abs(own.Loss-there.Loss) <= sameLoss*math.Abs(there.Loss) {
			return nil // what the ends do, the layers do in the other: padding that went into a convolution
		}
	}
	m.view(j, view)
	m.warnings.Addf(graphmatch.ErrAlign, "the merge takes inputs and gives outputs as the base does: choose another "+
		"with --base", "%s: it is judged and merged as the base's graph with its weights (%s)", what, in)
	return nil
}

// endsOf says which nodes are a parent's own.
func (m *search) endsOf(j int, list []graphmatch.EndDifference) string {
	var nodes []string
	for _, d := range list {
		nodes = append(nodes, d.String())
	}
	return filepath.Base(m.units.Parents[j].Path()) + " has " + strings.Join(nodes, ", and ")
}

// otherInputs is the error that a parent's weights were trained on other inputs than the base's.
func (m *search) otherInputs(what, scores string) error {
	const hint = "leave the file out, choose another --base, or merge models that were trained with the same " +
		"preprocessing"
	text := fmt.Sprintf("%s, and its weights were trained on other inputs than the base's (%s)", what, scores)
	if m.Anyway {
		m.warnings.Addf(graphmatch.ErrAlign, hint, "%s", text)
		return nil
	}
	return advice.Errorf(graphmatch.ErrAlign, hint+"; or go on with --anyway", "%s", text)
}

// blindEnds warns without data of parents whose ends are unlike the base's. That one of them normalises what goes in
// or out, by statistics that it learned, is an error as [search.refuse] makes it.
func (m *search) blindEnds() error {
	a := m.selection.Alignment
	for j := range a.Models {
		list := a.EndDifferences(j)
		if j == a.Base || len(list) == 0 {
			continue
		}
		what := m.endsOf(j, list)
		if slices.ContainsFunc(list, func(d graphmatch.EndDifference) bool { return d.Normalises }) {
			if err := m.refuse("nothing judges an average without data: %s", what); err != nil {
				return err
			}
			continue
		}
		m.warnings.Addf(graphmatch.ErrAlign, "give --data to see whether its weights want other inputs than the base's",
			"%s: the average takes inputs and gives outputs as the base does", what)
	}
	return nil
}

// choiceOfBase adds to an error of fitting the objective that the base hides its scores, and which model does not.
func choiceOfBase(a *graphmatch.Alignment, err error) error {
	for j, model := range a.Models {
		for _, d := range a.EndDifferences(j) {
			if d.Output && len(d.Base) > len(d.Model) {
				return advice.With(fmt.Errorf("%w; the base has %s behind the last layer", err,
					strings.Join(d.Base, ", ")), "choose another model with --base "+model.Path())
			}
		}
	}
	return err
}

// judged are the models that the parents are judged as: themselves, or the base's graph with their weights.
func (m *search) judged() []*onnx.Model {
	if m.views != nil {
		return m.views
	}
	return m.units.Parents
}
