package search

import (
	"context"
	"errors"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Event is news of a merge under way.
type Event struct {
	Stage       string           // "start", "learn" or "candidate"
	Objective   *ReportObjective // at the start: what is learned and judged
	Data        *ReportData      // at the start: and on what
	Fold, Folds int              // the fold that learns, from 1 on, and of how many; 0 where all data learns
	Granularity gating.Granularity
	Round       int // of weights that are trained on, from 1 on; 0 of gates
	Step, Steps int
	Loss        float64
	Candidate   *Candidate
}

// search is the state of one Merge.
type search struct {
	Options
	fold                              // on what the search learns and judges at present
	selection   *graphmatch.Selection // of parents whose hidden units are in the base's order
	units       *gating.UnitAlignment // how they came into that order
	objective   *ReportObjective      // what is learned and judged
	ensemble    []string              // paths of the parents whose answers take the place of labels
	data        *ReportData           // and on what
	warnings    advice.Warnings       // what the user should know
	dequantised []ReportDequantised   // parents that were quantised
	foreign     bool                  // the data's statistics are far from every parent's
	folds       int                   // into how many the data is divided
	split       fold                  // what learns and judges where there is one division
	views       []*onnx.Model         // what each parent is judged as; nil where all are judged as they are
	headless    map[int]error         // by parent, why it has no row of its own though it is judged in the base's graph
	unjudged    []error               // by parent, why it cannot be run; nil where it can
	weights     *gating.Weights
	unseen      map[string]bool // names of selected layers that stay the base's, as the loss does not see them
	plans       map[gating.Granularity]*gating.Plan
	statics     map[gating.Method]*gating.Mixture // which no fold changes
	candidates  []Candidate
	rounds      rounds
	grouped     grouping // which group every sample is in that judged
	groupTable  []ReportGroup
	refitted    bool         // the chosen candidate was learned again on all data
	written     gating.Score // of that model on all data
	steps       int
	learningFor time.Duration
}

// Merge merges the selected layers of aligned models on the data and judges all
// candidates, each on samples that it was not learned from. The best is learned again on
// all data and is Result.Chosen, which may be a parent: then no merge beats it, see
// Result.Gained. Errors are of the kinds of this package, gating, network, dataset and onnx.
func Merge(ctx context.Context, s *graphmatch.Selection, d *dataset.Data, o Options) (r *Result, err error) {
	defer dataset.Guard(&err)()
	m, err := newSearch(ctx, s, d, o)
	if err != nil {
		return nil, err
	}
	defer m.learn.Close()
	if err := m.stopIfStrict(ctx); err != nil {
		return nil, err
	}
	if m.weights.Empty() {
		return m.withoutGates()
	}
	for _, step := range []func(context.Context) error{m.fitEnds, m.scoreParents, m.judgeOriginals, m.checkData,
		m.checkHeldOut, m.alignUnits, m.movedRows, m.checkStart, m.stopIfStrict, m.judge} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	c := newChoice(m.learn.Objective().Metric, m.candidates)
	c.beside = m.beside
	chosen := c.choose()
	if chosen == nil {
		return nil, noFiniteModel()
	}
	c.explain(chosen)
	chosen.Chosen = true
	m.groupTable = m.groups(c, chosen)
	m.warnOfWorseHeads(c, chosen)
	m.warnOfConstant(c, chosen)
	if err := m.refit(ctx, chosen); err != nil {
		return nil, err
	}
	return m.result(ctx, chosen)
}

// stopIfStrict returns the warnings so far as an error where the options ask for it: who takes warnings for errors need
// not wait for gates to be learned.
func (m *search) stopIfStrict(context.Context) error {
	if !m.Strict {
		return nil
	}
	return m.warnings.Err()
}

// newSearch fits the objective and reads the weights. All data learns at first.
func newSearch(ctx context.Context, s *graphmatch.Selection, d *dataset.Data, o Options) (*search, error) {
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	m := &search{Options: o, selection: s, units: unmoved(s), plans: map[gating.Granularity]*gating.Plan{},
		rounds: rounds{}}
	if err := errors.Join(m.checkQuantised(), m.checkMode()); err != nil {
		return nil, err
	}
	objective, err := gating.FitObjective(s.Alignment.Models[s.Alignment.Base], d, o.Objective)
	if err != nil {
		return nil, choiceOfBase(s.Alignment, err)
	}
	m.warnings = append(m.warnings, objective.Warnings()...)
	if err := m.keepUnseen(objective.Sources()); err != nil {
		return nil, err
	}
	if m.weights, err = gating.LoadWeights(m.selection); err != nil {
		return nil, err
	}
	m.warnOfCopies()
	if d, err = m.teach(ctx, objective, d); err != nil {
		return nil, err
	}
	all, err := gating.NewEvaluator(d, objective, gating.EvaluatorOptions{BatchSize: o.batch(), Threads: o.Threads,
		Base: s.Alignment.Models[s.Alignment.Base]})
	if err != nil {
		return nil, err
	}
	m.fold = newFold(all, nil)
	if err := m.divide(d); err != nil {
		all.Close()
		return nil, err
	}
	m.objective.Ensemble, m.objective.Own = m.ensemble, m.Owners != nil && len(m.ensemble) > 0
	m.report(Event{Stage: "start", Objective: m.objective, Data: m.data})
	return m, nil
}

// circumstances is what the list of trials depends on.
func (m *search) circumstances() circumstances {
	return circumstances{
		reordered: m.units.By != gating.PermuteNone,
		scored:    len(ascending(m.losses)) > 0,
		small:     m.weights.Count() <= quickWeights,
		foreign:   m.foreign,
		labelled:  !m.learn.Objective().Unlabelled() || m.learn.Objective().Only().Taught(),
	}
}

func (m *search) report(e Event) {
	if m.Progress != nil {
		m.Progress(e)
	}
}

// parentName is the name of the candidate that is a parent.
func parentName(m *onnx.Model) string { return "parent:" + m.Path() }

// base returns the model that gives the graph.
func (m *search) base() *onnx.Model {
	return m.selection.Alignment.Models[m.selection.Alignment.Base]
}
