package gating

import (
	"context"
	"errors"
	"fmt"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// Ensemble answers with the mean of what several models answer, of probabilities, or of numbers as they are, each model
// weighing the more the more certain it is of a sample compared with others (confidence). Its answers take the
// place of labels where the data has none (objective.Head.Taught).
type Ensemble struct {
	// In says of each model whether it is in: one that cannot be run, gives numbers that are not finite, or has nothing
	// in common with the others is not.
	In       []bool
	Finite   []bool  // by model, whether it can be run and all its answers are finite numbers
	Failures []error // by model, why it cannot be run; nil where it can
	// Doubtful says that it is by no means clear who is in: no two models go together, or as many do otherwise.
	Doubtful bool

	apart     [][]float64 // how far the answers of two models are apart, see answersApart
	models    []*onnx.Model
	usual     []float64 // by model, its mean uncertainty
	objective Objective
	options   EvaluatorOptions
}

// Bounds of what tells which models go together: samples, and numbers of one model's answers.
const (
	ensembleSamples = 256
	ensembleNumbers = 1 << 25
)

// NewEnsemble runs models on some samples of the data and finds those whose answers go together, see Ensemble.In. The
// objective is of one head, which is taught. Errors are of kind ErrOption, or the context's; that a model cannot be run
// is none, see Ensemble.Failures.
func NewEnsemble(ctx context.Context, models []*onnx.Model, d *dataset.Data, obj Objective,
	o EvaluatorOptions) (*Ensemble, error) {
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	t := &Ensemble{models: models, objective: obj, options: o, Failures: make([]error, len(models))}
	common := d.Parts()[0]
	few := common.Select(evenly(common.Len(), min(common.Len(), ensembleSamples)))
	list := make([]*answers, len(models))
	err = t.over(few, func(e *Evaluator) error {
		for j, m := range models {
			a := &answers{axis: obj.Only().AnswerAxis()}
			if err := e.eachAnswer(ctx, m, a.add); err != nil && !errors.Is(err, errEnough) {
				t.Failures[j] = err
				continue
			}
			if a.finite() {
				list[j] = a
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	t.usual = make([]float64, len(models))
	for j, a := range list {
		t.Finite = append(t.Finite, a != nil)
		if a != nil {
			t.usual[j] = a.uncertainty(obj.Only())
		}
	}
	t.apart = allApart(list)
	t.In, t.Doubtful = together(t.apart)
	return t, nil
}

// over calls do with an evaluator of data for the ensemble's objective.
func (t *Ensemble) over(d *dataset.Data, do func(*Evaluator) error) error {
	w := kernel.NewWorkers(t.options.Threads)
	defer w.Close()
	return do(&Evaluator{d, t.objective, t.options.BatchSize, w, t.options.Base, map[*onnx.Model]binding{}})
}

// Size is how many models are in.
func (t *Ensemble) Size() int { return countTrue(t.In) }

// Dissenter is the model of those that are in whose answers are farthest from the nearest other's, where that is much
// by itself or beside how near the others are to each other; -1 where there is none. Near says how far that is and rest
// how far the others are apart at most: 0 is for the same answers, 1 for those of models that say nothing of each
// other. Nothing but labels can tell which of them are right.
func (t *Ensemble) Dissenter() (model int, near, rest float64) { return dissenter(t.apart, t.In) }

// Label returns the data with the ensemble's answers for labels: each model runs once over every sample. Errors are
// those of running the models, of kind network.ErrShape where their answers differ in shape, and of kind
// dataset.ErrData where there is no room for the answers.
func (t *Ensemble) Label(ctx context.Context, d *dataset.Data) (*dataset.Data, error) {
	return t.label(ctx, d, func(j, _ int, answer []float32) float64 {
		return confidence(t.objective.Only().Uncertainty(answer), t.usual[j])
	})
}

// LabelByOne is Label where each sample, in the order of the rows, has the answer of one model alone, whether that goes
// together with others or not.
func (t *Ensemble) LabelByOne(ctx context.Context, d *dataset.Data, of []int) (*dataset.Data, error) {
	own := *t
	own.In = t.Finite
	return own.label(ctx, d, func(j, row int, _ []float32) float64 {
		if of[row] == j {
			return 1
		}
		return 0
	})
}

// label gives data the sum of the models' answers for labels, each with a weight of its own for a sample.
func (t *Ensemble) label(ctx context.Context, d *dataset.Data,
	weigh func(model, row int, answer []float32) float64) (labelled *dataset.Data, err error) {
	totals := make([]float64, d.Len()) // of the models' weights
	err = t.over(d, func(e *Evaluator) error {
		for j, m := range t.models {
			if !t.In[j] {
				continue
			}
			if labelled == nil {
				if labelled, err = e.unanswered(m); err != nil {
					return err
				}
			}
			share := func(row int, answer []float32) float64 {
				w := weigh(j, row, answer)
				totals[row] += w
				return w
			}
			if err := e.addAnswers(ctx, m, labelled, share); err != nil {
				return fmt.Errorf("%s: %w", m.Path(), err)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case labelled == nil:
		return nil, dataErr("name models that belong to the data", "no model gives answers that are finite numbers")
	}
	divideLabels(labelled, totals)
	return labelled, nil
}

// unanswered returns the data with zeros for labels, in the form of what a model answers.
func (e *Evaluator) unanswered(m *onnx.Model) (*dataset.Data, error) {
	shapes, err := e.answerShapes(m)
	if err != nil {
		return nil, err
	}
	return e.data.Labelled(objective.EnsembleLabel, shapes)
}

// divideLabels divides the label of each row by a number of its own.
func divideLabels(d *dataset.Data, by []float64) {
	parts := d.Parts()
	for row, total := range by {
		part, local := d.Locate([]int{row})
		label := parts[part].Label
		size := label.Size()
		for k := local[0] * size; k < (local[0]+1)*size; k++ {
			label.Floats[k] = float32(float64(label.Floats[k]) / total)
		}
	}
}
