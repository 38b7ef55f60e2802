package search

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx/advice"
)

// A merge learned on data that does not belong to the models is worse than each of them,
// and looks better on that very data. So the data is checked against the models before
// anything is learned. Only what holds for every model that can be run counts: one of them
// may be broken.

// doubt is a reason to think that the data does not belong to the models.
type doubt struct {
	what string // what was seen
	do   string // what to do
}

// checkData returns an error of kind dataset.ErrData that names all doubts, or keeps them
// as warnings where the options say to go on anyway.
func (m *search) checkData(ctx context.Context) error {
	if m.learn.Objective().Unlabelled() {
		m.warnings.Addf(dataset.ErrData, "give labels, or judge the result on data that has some",
			"nothing is judged against labels: that a candidate is better says %s, not that it is more often right",
			m.meansBetter())
	}
	list, err := m.doubts(ctx)
	if err != nil {
		return err
	}
	return m.weigh(list)
}

// checkHeldOut does the same for held-out data of its own: the wrong merge would be chosen by it.
func (m *search) checkHeldOut(ctx context.Context) error {
	if m.HeldOut == nil {
		return nil
	}
	whole, foreign := m.fold, m.foreign
	defer func() { m.fold, m.foreign = whole, foreign }()
	m.fold = newFold(m.heldOut, nil)
	if err := m.scoreParents(ctx); err != nil {
		return err
	}
	list, err := m.doubts(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].what = "held-out data: " + list[i].what
	}
	return m.weigh(list)
}

// doubts lists the reasons to think that the samples to learn from do not belong to the models.
func (m *search) doubts(ctx context.Context) ([]doubt, error) {
	list := append(constantInputs(m.learn.Data()), labelsAreInputs(m.learn)...)
	checks := []func(context.Context) (*doubt, error){m.oneClass, m.farStatistics, m.misfed, m.noBetterThanChance,
		m.movedClasses}
	if m.learn.Objective().Unlabelled() { // without labels no loss tells right inputs from wrong ones
		checks = []func(context.Context) (*doubt, error){m.farStatistics, m.noClasses}
	}
	for _, check := range checks {
		d, err := check(ctx)
		if err != nil {
			return nil, err
		}
		if d != nil {
			list = append(list, *d)
		}
	}
	return list, nil
}

// weigh is an error of kind dataset.ErrData that names all doubts, or keeps them as warnings where the options say to
// go on anyway.
func (m *search) weigh(list []doubt) error {
	if len(list) == 0 {
		return nil
	}
	if m.Anyway {
		for _, d := range list {
			m.warnings.Addf(dataset.ErrData, d.do, "%s", d.what)
		}
		return nil
	}
	var seen, do []string
	for _, d := range list {
		seen = append(seen, d.what)
		if !slices.Contains(do, d.do) {
			do = append(do, d.do)
		}
	}
	return advice.Errorf(dataset.ErrData, strings.Join(do, "; ")+"; or go on with --anyway",
		"the data does not seem to belong to these models: %s", strings.Join(seen, "; "))
}

// constantInputs doubts inputs that are the same number throughout, of several samples.
func constantInputs(d *dataset.Data) []doubt {
	var list []doubt
	for i := range d.Parts()[0].Inputs {
		name, constant := d.Parts()[0].Inputs[i].Name, d.Len() > 1
		for _, p := range d.Parts() {
			constant = constant && allEqual(p.Inputs[i].Floats) && allEqual(p.Inputs[i].Ints)
		}
		if constant && floats(d, i) { // a mask of ones is as it should be
			list = append(list, doubt{fmt.Sprintf("input %q is the same number in all %d samples", name, d.Len()),
				"look at what the data file holds"})
		}
	}
	return list
}

// labelsAreInputs doubts labels of positions that are an input itself, where they count: libraries that train language
// models take such and shift them, but a model is judged here by what it says at each position.
func labelsAreInputs(e *gating.Evaluator) []doubt {
	const do = "give what the model says at each position, for language models the token that follows: --label next " +
		"of text; labels[:, :-1] = ids[:, 1:] and -100 in the last column of arrays"
	var list []doubt
	for i, h := range e.Objective().Heads {
		for k, in := range e.Data().Inputs {
			other := func(p *dataset.Data) bool { return !repeats(p.LabelAt(i), &p.Inputs[k]) }
			if h.Indexed() && !slices.ContainsFunc(e.Data().Parts(), other) {
				list = append(list, doubt{fmt.Sprintf("the labels are input %q itself", in.Name), do})
			}
		}
	}
	return list
}

// repeats says whether labels of several positions are what an input has there, where they count.
func repeats(label, input *dataset.Column) bool {
	if input.Ints == nil || label.Size() < 2 || !slices.Equal(label.Shape, input.Shape) {
		return false
	}
	for i, v := range label.Ints {
		if v != network.Ignored && v != input.Ints[i] {
			return false
		}
	}
	return true
}

// floats says whether an input holds floating point numbers.
func floats(d *dataset.Data, input int) bool { return d.Parts()[0].Inputs[input].Floats != nil }

func allEqual[T comparable](list []T) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return v != list[0] })
}

// oneClass doubts labels of a single class.
func (m *search) oneClass(context.Context) (*doubt, error) {
	return m.anyHead(func(h objective.Head, i int) (*doubt, error) {
		if !h.Indexed() {
			return nil, nil
		}
		seen := map[int64]bool{}
		for _, p := range m.learn.Data().Parts() {
			for _, v := range p.LabelAt(i).Ints {
				seen[v] = true
			}
		}
		delete(seen, network.Ignored)
		if len(seen) > 1 {
			return nil, nil
		}
		return &doubt{"all labels are of one class", "give data of all classes, in random order"}, nil
	})
}

// anyHead is the first doubt about any of the objective's heads, with the head's name.
func (m *search) anyHead(check func(h objective.Head, i int) (*doubt, error)) (*doubt, error) {
	o := m.learn.Objective()
	for i, h := range o.Heads {
		d, err := check(h, i)
		if err != nil {
			return nil, err
		}
		if d != nil {
			d.what += ofHead(o, i)
			return d, nil
		}
	}
	return nil, nil
}

// ofHead names a head where there are several.
func ofHead(o gating.Objective, i int) string {
	if len(o.Heads) == 1 {
		return ""
	}
	return fmt.Sprintf(" at output %q", o.Heads[i].Output)
}

// farStatistics doubts data whose first activations are far from what every model
// remembers of its training.
func (m *search) farStatistics(ctx context.Context) (*doubt, error) {
	some, err := m.sampled(gapSamples)
	if err != nil {
		return nil, err
	}
	nearest := math.Inf(1)
	var at *gating.StatisticsGap
	for j, model := range m.judged() {
		if !m.scores[j].Finite() {
			continue
		}
		gap, err := some.StatisticsGap(ctx, model)
		if err != nil || gap == nil {
			return nil, err
		}
		far := max(gap.Shift/farShift, math.Abs(math.Log(gap.Ratio))/math.Log(farRatio))
		if far < nearest {
			nearest, at = far, gap
		}
	}
	if at == nil || nearest < 1 {
		return nil, nil
	}
	m.foreign = true
	return &doubt{
		fmt.Sprintf("at %q, the first normalisation, the data's mean is %.3g deviations off "+
			"and its variance %.3g times what the models were trained on",
			at.Node, at.Shift, at.Ratio),
		"scale the data as in training (0 to 1, 0 to 255, or mean and deviation)",
	}, nil
}
