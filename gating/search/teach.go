package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Labelled is data with an ensemble's answers for labels, see Label.
type Labelled struct {
	Data     []*dataset.Data
	Models   []string        // paths of the models in the ensemble
	Warnings advice.Warnings // of kind dataset.ErrData, of models that are not in it
}

// Label gives data that has no labels the mean answers of the models, for an objective that is taught
// (gating.Ensemble). Models that answer nothing like the others are left out; where it is not clear which those are,
// that is an error of kind dataset.ErrData, unless all are taken anyway.
func Label(ctx context.Context, models []*onnx.Model, o gating.Objective, eo gating.EvaluatorOptions, anyway bool,
	list ...*dataset.Data) (*Labelled, error) {
	e, err := gating.NewEnsemble(ctx, models, list[0], o, eo)
	if err != nil {
		return nil, err
	}
	out := &Labelled{}
	if e.Doubtful {
		err := undecided(e)
		if !anyway {
			return nil, err
		}
		out.Warnings.Add(err)
		e.In = e.Finite
	}
	var without []string
	for j, m := range models {
		switch {
		case e.In[j]:
			out.Models = append(out.Models, m.Path())
		case e.Failures[j] != nil && !anyway:
			return nil, cannotRun(m, e.Failures[j])
		case e.Failures[j] == nil:
			without = append(without, filepath.Base(m.Path()))
		}
	}
	if len(without) > 0 {
		out.Warnings.Addf(dataset.ErrData, outvotedHint,
			"the answers of %s have nothing in common with those of the %d other models and are not learned from; %s",
			strings.Join(without, ", "), e.Size(), outvoted)
	}
	out.Warnings.Add(disagreeing(models, e)...)
	for _, d := range list {
		if d, err = e.Label(ctx, d); err != nil {
			return nil, err
		}
		out.Data = append(out.Data, d)
	}
	return out, nil
}

// What to know and to do about models that answer otherwise than others.
const (
	outvoted     = "without labels models that are wrong alike outvote one that is right"
	outvotedHint = "try each with softmerge eval on a few samples that have labels, and leave out those that are wrong"
)

// disagreeing warns of a model that is learned from though it answers otherwise than the others.
func disagreeing(models []*onnx.Model, e *gating.Ensemble) (warnings advice.Warnings) {
	j, near, rest := e.Dissenter()
	if j < 0 || e.Doubtful {
		return nil
	}
	what := fmt.Sprintf("unlike any other model: its answers are %.2f from the nearest's", near)
	if e.Size() > 2 && rest < near/2 {
		what = fmt.Sprintf("otherwise than the %d other models: its answers are %.2f from the nearest's, theirs at "+
			"most %.2f from each other's", e.Size()-1, near, rest)
	}
	warnings.Addf(dataset.ErrData, outvotedHint, "%s answers %s (0 is the same, 1 is chance); %s",
		filepath.Base(models[j].Path()), what, outvoted)
	return warnings
}

// undecided is the error that models agree too little to be learned from.
func undecided(e *gating.Ensemble) error {
	what := "the models' answers have nothing in common"
	if n := e.Size(); n > 1 {
		what = fmt.Sprintf("%d models answer alike, and as many others otherwise", n)
	}
	return advice.Errorf(dataset.ErrData, "give labels; or name only models of this task, and look whether the data "+
		"belongs to them; merge --anyway goes on", "without labels nothing says which models are right: %s", what)
}

// teach gives all data the parents' mean answers for labels, where the objective is to imitate them.
func (m *search) teach(ctx context.Context, o gating.Objective, d *dataset.Data) (*dataset.Data, error) {
	if !o.Only().Taught() {
		return d, nil
	}
	if err := m.weigh(constantInputs(d)); err != nil { // of such data no model says anything
		return nil, err
	}
	list := []*dataset.Data{d}
	if m.HeldOut != nil {
		list = append(list, m.HeldOut)
	}
	a := m.selection.Alignment
	if m.Owners != nil {
		return m.teachOwn(ctx, o, list)
	}
	l, err := Label(ctx, a.Models, o, gating.EvaluatorOptions{BatchSize: m.batch(), Threads: m.Threads,
		Base: a.Models[a.Base]}, m.Anyway, list...)
	if err != nil {
		return nil, err
	}
	if m.HeldOut != nil {
		m.HeldOut = l.Data[1]
	}
	m.ensemble = l.Models
	m.warnings.Add(l.Warnings...)
	return l.Data[0], nil
}

// teachOwn gives data the answers of the parent that each sample is for.
func (m *search) teachOwn(ctx context.Context, o gating.Objective, list []*dataset.Data) (*dataset.Data, error) {
	a := m.selection.Alignment
	e, err := gating.NewEnsemble(ctx, a.Models, list[0], o, gating.EvaluatorOptions{BatchSize: m.batch(),
		Threads: m.Threads, Base: a.Models[a.Base]})
	if err != nil {
		return nil, err
	}
	for j, model := range a.Models {
		switch {
		case e.Failures[j] != nil:
			return nil, cannotRun(model, e.Failures[j])
		case !e.Finite[j]:
			return nil, cannotRun(model, errors.New("some of its answers are no finite numbers"))
		}
		m.ensemble = append(m.ensemble, model.Path())
	}
	for i, d := range list {
		if list[i], err = e.LabelByOne(ctx, d, m.Owners(d)); err != nil {
			return nil, err
		}
	}
	if m.HeldOut != nil {
		m.HeldOut = list[1]
	}
	return list[0], nil
}

// noClasses doubts that an output has scores of classes, where nothing but its shape says so: taken for such, all its
// answers are hardly more certain than chance.
func (m *search) noClasses(context.Context) (*doubt, error) {
	h := m.learn.Objective().Only()
	if !h.Assumed {
		return nil, nil
	}
	entropy := math.Inf(1)
	if h.Taught() {
		entropy = meanEntropy(m.learn.Data(), h.Classes)
	} else {
		for _, loss := range m.losses {
			if loss < entropy { // not NaN, as of a model that cannot be run
				entropy = loss
			}
		}
	}
	if !(entropy > mostEntropy*math.Log(float64(h.Classes))) {
		return nil, nil
	}
	return &doubt{
		fmt.Sprintf("output %q seems to have no scores of %d classes: taken for such, no answer is more certain than "+
			"chance", h.Output, h.Classes),
		"say what it has: --loss distill_mse for numbers, --loss distill_bce for things that are there or not",
	}, nil
}

// meanEntropy is that of the classes' probabilities for a sample, or for a position in one.
func meanEntropy(d *dataset.Data, classes int) float64 {
	sum, n := 0.0, 0
	for _, p := range d.Parts() {
		for _, v := range p.Label.Floats {
			if v > 0 {
				sum -= float64(v) * math.Log(float64(v))
			}
		}
		n += len(p.Label.Floats)
	}
	return sum * float64(classes) / float64(n)
}

// meansBetter is what a better candidate is better at, where no labels judge.
func (m *search) meansBetter() string {
	switch {
	case m.Owners != nil && m.learn.Objective().Only().Taught():
		return "that it is nearer to the answers of the model that each sample is for"
	case m.learn.Objective().Only().Taught():
		return "that it is nearer to the mean of the models' answers"
	}
	return "that its answers are more certain"
}
