package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrNoGain is the kind of the error that no merged candidate beat the best parent.
var ErrNoGain = errors.New("no merged model beats the best parent")

// Result is a finished merge.
type Result struct {
	Selection   *graphmatch.Selection // of parents whose hidden units are in the base's order
	Objective   gating.Objective
	Candidates  []Candidate
	Chosen      *Candidate
	Steps       int
	Learning    time.Duration // time spent in gating.Learn
	Identical   bool          // every selected layer is identical: the base is the result
	Folds       int           // of the cross-validation that judged; 1 where the data was divided once, 0 without data
	Refitted    bool          // the chosen candidate was learned again on all data after it was judged
	Held        *dataset.Data // what a written file is verified on; nil without data
	Units       *gating.UnitAlignment
	Warnings    advice.Warnings // what the user should know before using the result
	written     gating.Score    // of the chosen model on it
	objective   *ReportObjective
	data        *ReportData
	groups      []ReportGroup
	weights     *gating.Weights
	dequantised []ReportDequantised
	unseen      map[string]bool // selected layers that the loss does not see, by name
	options     Options
}

// result gathers what was found.
func (m *search) result(ctx context.Context, chosen *Candidate) (*Result, error) {
	r := m.bareResult(chosen)
	r.Objective = m.learn.Objective()
	if m.HeldOut != nil {
		r.Held, r.written = m.heldOut.Data(), chosen.Score
		return r, nil
	}
	r.Held = m.learn.Data()
	switch {
	case m.refitted:
		r.written = m.written
	case chosen.Parent >= 0:
		r.written = m.scores[chosen.Parent]
	default:
		var err error
		if r.written, err = m.learn.Score(ctx, chosen.model); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// bareResult is a result of which nothing is judged.
func (m *search) bareResult(chosen *Candidate) *Result {
	return &Result{Selection: m.selection, Candidates: m.candidates, Chosen: chosen, Steps: m.steps,
		Learning: m.learningFor, Units: m.units, Warnings: m.warnings, Folds: m.folds, Refitted: m.refitted,
		objective: m.objective, data: m.data, groups: m.groupTable, weights: m.weights, unseen: m.unseen,
		dequantised: m.dequantised, options: m.Options}
}

// withoutGates is the result where no selected layer can be mixed: fine if all are identical.
func (m *search) withoutGates() (*Result, error) {
	a := m.selection.Alignment
	for _, i := range m.selection.Layers {
		if layer := &a.Layers[i]; layer.Status != graphmatch.Identical {
			return nil, noneCanBeMerged(layer, m.weights.Skipped(layer))
		}
	}
	m.candidates = []Candidate{{Name: parentName(m.base()), Parent: a.Base, Chosen: true, model: m.base(),
		Score: unknown}}
	r := m.bareResult(&m.candidates[0])
	if m.learn != nil {
		r.Objective = m.learn.Objective()
	}
	r.Identical = true
	return r, nil
}

// Gained says whether the chosen candidate is a merged model.
func (r *Result) Gained() bool { return r.Chosen.Parent < 0 }

// Model returns the chosen model, without metadata.
func (r *Result) Model() *onnx.Model { return r.Chosen.model }

// Recipe returns the recipe of the chosen candidate, an error of kind ErrNoGain if it is a parent. What a Maker made
// has its own.
func (r *Result) Recipe() (*gating.Recipe, error) {
	if !r.Gained() || r.Chosen.Mixture == nil {
		return nil, noRecipe()
	}
	return r.Chosen.Mixture.Recipe(gating.RecipeOptions{
		Method: r.options.Method, Chosen: r.Chosen.Name, Seed: r.options.Learn.Seed, Units: r.Units,
		Dequantised: len(r.dequantised) > 0,
	})
}

// Verify checks a model that was read back from its file against the result: it
// breaks no rule of ONNX, and where there is data it has the score that the chosen
// model has.
func (r *Result) Verify(ctx context.Context, back *onnx.Model) error {
	if err := onnx.Validate(back); err != nil {
		return err
	}
	if r.Held == nil {
		return nil
	}
	e, err := gating.NewEvaluator(r.Held, r.Objective,
		gating.EvaluatorOptions{BatchSize: r.options.batch(), Threads: r.options.Threads})
	if err != nil {
		return err
	}
	defer e.Close()
	s, err := e.Score(ctx, back)
	if err != nil {
		return err
	}
	want := r.written
	if math.Abs(s.Loss-want.Loss) > 1e-6*math.Max(1, math.Abs(want.Loss)) || s.Metric != want.Metric {
		return fmt.Errorf("loss %v and metric %v, the chosen model had %v and %v", s.Loss, s.Metric, want.Loss,
			want.Metric)
	}
	return nil
}
