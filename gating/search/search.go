package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
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
	Granularity gating.Granularity
	Step, Steps int
	Loss        float64
	Candidate   *Candidate
}

// search is the state of one Merge.
type search struct {
	Options
	selection   *graphmatch.Selection // of parents whose hidden units are in the base's order
	units       *gating.UnitAlignment // how they came into that order
	learn       *gating.Evaluator     // on the data that gates learn from
	heldOut     *gating.Evaluator     // on the data that no gate saw
	objective   *ReportObjective      // what is learned and judged
	data        *ReportData           // and on what
	scores      []gating.Score        // of the parents on the data to learn from; NaN where one cannot be run
	warnings    advice.Warnings       // what the user should know
	foreign     bool                  // the data's statistics are far from every parent's
	losses      []float64             // of the parents on the data to learn from; NaN where one cannot be run
	weights     *gating.Weights
	repairer    *gating.Repairer
	plans       map[gating.Granularity]*gating.Plan
	warm        warmStarts
	mixed       mixed   // the trial mixed last
	last        learned // the gates learned last
	candidates  []Candidate
	steps       int
	learningFor time.Duration
}

// Merge merges the selected layers of aligned models on the data and judges all
// candidates. The best is Result.Chosen, which may be a parent: then no merge
// beats it, see Result.Gained. Errors are of the kinds of this package, gating, network,
// dataset and onnx.
func Merge(ctx context.Context, s *graphmatch.Selection, d *dataset.Data, o Options) (*Result, error) {
	m, err := newSearch(s, d, o)
	if err != nil {
		return nil, err
	}
	defer m.learn.Close()
	if m.weights.Empty() {
		return m.withoutGates()
	}
	if err := m.scoreParents(ctx); err != nil {
		return nil, err
	}
	if err := m.checkData(ctx); err != nil {
		return nil, err
	}
	if err := m.alignUnits(ctx); err != nil {
		return nil, err
	}
	for _, t := range m.trials(m.circumstances()) {
		if err := m.try(ctx, t); err != nil {
			return nil, err
		}
	}
	chosen := m.choose()
	if chosen == nil {
		return nil, noFiniteModel()
	}
	chosen.Chosen = true
	return m.result(chosen), nil
}

// newSearch fits the objective, splits the data into what learns and what judges, and reads the weights.
func newSearch(s *graphmatch.Selection, d *dataset.Data, o Options) (*search, error) {
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	m := &search{Options: o, selection: s, units: unmoved(s), plans: map[gating.Granularity]*gating.Plan{}}
	objective, err := gating.FitObjective(s.Alignment.Models[s.Alignment.Base], d, o.Objective)
	if err != nil {
		return nil, err
	}
	if m.weights, err = gating.LoadWeights(s); err != nil {
		return nil, err
	}
	all, err := gating.NewEvaluator(d, objective, gating.EvaluatorOptions{BatchSize: o.batch(), Threads: o.Threads,
		Base: s.Alignment.Models[s.Alignment.Base]})
	if err != nil {
		return nil, err
	}
	m.learn = all
	if o.HeldOut != nil {
		m.heldOut, err = all.On(o.HeldOut)
	} else {
		m.learn, m.heldOut, err = all.Split(o.Holdout, o.Learn.Seed)
	}
	if err != nil {
		all.Close()
		return nil, err
	}
	m.objective = DescribeObjective(m.heldOut.Objective(), m.heldOut.Data())
	m.data = DescribeData(m.learn.Data(), m.heldOut.Data())
	m.report(Event{Stage: "start", Objective: m.objective, Data: m.data})
	m.repairer = gating.NewRepairer(m.learn)
	return m, nil
}

// circumstances is what the list of trials depends on.
func (m *search) circumstances() circumstances {
	return circumstances{
		reordered: m.units.By != gating.PermuteNone,
		scored:    len(ascending(m.losses)) > 0,
		small:     m.weights.Count() <= quickWeights,
		foreign:   m.foreign,
	}
}

// scoreParents scores every parent on both parts of the data.
func (m *search) scoreParents(ctx context.Context) error {
	a := m.selection.Alignment
	m.losses, m.scores = make([]float64, len(a.Models)), make([]gating.Score, len(a.Models))
	for j, model := range a.Models {
		m.losses[j], m.scores[j] = math.NaN(), unknown
		c := Candidate{Name: parentName(a, j), Parent: j, model: model}
		if err := m.score(ctx, c); err != nil {
			return err
		}
		if m.candidates[len(m.candidates)-1].Failure != nil {
			continue
		}
		s, err := m.learn.Score(ctx, model)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return cannotRun(model, err)
		}
		m.losses[j], m.scores[j] = s.Loss, s
	}
	return nil
}

// try runs a trial and judges its mixture, if it gives one.
func (m *search) try(ctx context.Context, t Trial) error {
	mixture, err := m.mixture(ctx, t)
	if errors.Is(err, gating.ErrDiverged) {
		m.fail(Candidate{Name: t.Name(), Trial: &t, Parent: -1}, err)
		return nil
	}
	if err != nil || mixture == nil {
		return err
	}
	t.Repaired = mixture.Plan().Repaired()
	model, err := mixture.Bake()
	if err != nil {
		return err
	}
	return m.score(ctx, Candidate{Name: t.Name(), Trial: &t, Parent: -1, Mixture: mixture, model: model})
}

// score evaluates a candidate on the held-out part. A parent that cannot be run ends the
// merge, unless the options say to go on anyway: it may be merged though nobody knows how
// good it is. One that runs and gives no finite loss is a candidate like any other, with
// the reason in words.
func (m *search) score(ctx context.Context, c Candidate) error {
	s, err := m.heldOut.Score(ctx, c.model)
	switch {
	case err == nil:
		c.Score, c.Reason = s, m.nonfinite(c.Parent, s)
		m.list(c)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case c.Parent < 0:
		return err
	case m.Anyway && c.Parent != m.selection.Alignment.Base:
		m.warnings.Add(cannotRun(c.model, err))
		m.fail(c, err)
		return nil
	}
	return cannotRun(c.model, err)
}

// nonfinite says why a model that runs has no finite loss, "" where it has one: a parent
// (-1 for a mixture) may have weights that are no numbers.
func (m *search) nonfinite(parent int, s gating.Score) string {
	if s.Finite() {
		return ""
	}
	var names []string
	for _, i := range m.selection.Layers {
		layer := &m.selection.Alignment.Layers[i]
		if bad := m.weights.Nonfinite(layer); parent >= 0 && bad != nil && bad[parent] {
			names = append(names, layer.Name)
		}
	}
	if len(names) == 0 {
		return "its loss is not a finite number"
	}
	more := ""
	if n := len(names) - maxPairs; n > 0 {
		names, more = names[:maxPairs], fmt.Sprintf(" and %d more", n)
	}
	return "it has a NaN or an infinity in " + strings.Join(names, ", ") + more
}

// fail lists a candidate that has no score.
func (m *search) fail(c Candidate, why error) {
	c.Failure = why
	c.Score = gating.Score{Loss: math.NaN(), Metric: math.NaN(), Samples: m.heldOut.Data().Len()}
	m.list(c)
}

// list adds a judged candidate to the table.
func (m *search) list(c Candidate) {
	m.candidates = append(m.candidates, c)
	m.report(Event{Stage: "candidate", Candidate: &c})
}

func (m *search) report(e Event) {
	if m.Progress != nil {
		m.Progress(e)
	}
}

// parentName is the name of the candidate that is parent j.
func parentName(a *graphmatch.Alignment, j int) string { return "parent:" + a.Models[j].Path() }

// base returns the model that gives the graph.
func (m *search) base() *onnx.Model {
	return m.selection.Alignment.Models[m.selection.Alignment.Base]
}
