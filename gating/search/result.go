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
	Selection  *graphmatch.Selection // of parents whose hidden units are in the base's order
	Objective  gating.Objective
	Candidates []Candidate
	Chosen     *Candidate
	Steps      int
	Learning   time.Duration // time spent in gating.Learn
	Identical  bool          // every selected layer is identical: the base is the result
	Held       *dataset.Data // what judged; nil without data
	Units      *gating.UnitAlignment
	Warnings   advice.Warnings // what the user should know before using the result
	objective  *ReportObjective
	data       *ReportData
	weights    *gating.Weights
	options    Options
}

// result gathers what was found.
func (m *search) result(chosen *Candidate) *Result {
	r := &Result{Selection: m.selection, Candidates: m.candidates, Chosen: chosen, Steps: m.steps,
		Learning: m.learningFor,
		Units:    m.units, Warnings: m.warnings, objective: m.objective, data: m.data, weights: m.weights,
		options: m.Options}
	if m.heldOut != nil {
		r.Objective, r.Held = m.heldOut.Objective(), m.heldOut.Data()
	}
	return r
}

// withoutGates is the result where no selected layer can be mixed: fine if all are identical.
func (m *search) withoutGates() (*Result, error) {
	a := m.selection.Alignment
	for _, i := range m.selection.Layers {
		if layer := &a.Layers[i]; layer.Status != graphmatch.Identical {
			return nil, noneCanBeMerged(layer, m.weights.Skipped(layer))
		}
	}
	m.candidates = []Candidate{{Name: parentName(a, a.Base), Parent: a.Base, Chosen: true, model: m.base(),
		Score: unknown}}
	r := m.result(&m.candidates[0])
	r.Identical, r.Held = true, nil
	return r, nil
}

// Gained says whether the chosen candidate is a merged model.
func (r *Result) Gained() bool { return r.Chosen.Parent < 0 }

// Model returns the chosen model, without metadata.
func (r *Result) Model() *onnx.Model { return r.Chosen.model }

// Recipe returns the recipe of the chosen candidate, an error of kind ErrNoGain if it is a parent.
func (r *Result) Recipe() (*gating.Recipe, error) {
	if !r.Gained() {
		return nil, noRecipe()
	}
	return r.Chosen.Mixture.Recipe(gating.RecipeOptions{
		Method: r.options.Method, Chosen: r.Chosen.Name, Seed: r.options.Learn.Seed, Units: r.Units,
	})
}

// Verify checks a model that was read back from its file against the result: it
// breaks no rule of ONNX, and where there is data to judge on it has the score
// that the chosen candidate had.
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
	want := r.Chosen.Score
	if math.Abs(s.Loss-want.Loss) > 1e-6*math.Max(1, math.Abs(want.Loss)) || s.Metric != want.Metric {
		return fmt.Errorf("loss %v and metric %v, the candidate had %v and %v", s.Loss, s.Metric, want.Loss,
			want.Metric)
	}
	return nil
}
