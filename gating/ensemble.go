package gating

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// Ensemble answers with the mean of what several models answer, each weighing the same: of probabilities, or of
// numbers as they are. Its answers take the place of labels where the data has none (objective.Head.Taught).
type Ensemble struct {
	// In says of each model whether it is in: one that cannot be run, gives numbers that are not finite, or has nothing
	// in common with the others is not.
	In       []bool
	Finite   []bool  // by model, whether it can be run and all its answers are finite numbers
	Failures []error // by model, why it cannot be run; nil where it can
	// Doubtful says that it is by no means clear who is in: no two models go together, or as many do otherwise.
	Doubtful bool

	models    []*onnx.Model
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
	few := common.Select(spread(common.Len(), ensembleSamples))
	list := make([]*answers, len(models))
	for j, m := range models {
		a := &answers{axis: obj.Only().AnswerAxis()}
		if err := t.each(ctx, m, few, a.add); err != nil && !errors.Is(err, errEnough) {
			t.Failures[j] = err
			continue
		}
		if a.finite() {
			list[j] = a
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, a := range list {
		t.Finite = append(t.Finite, a != nil)
	}
	t.In, t.Doubtful = together(list)
	return t, nil
}

// spread are at most so many of n rows, evenly spread.
func spread(n, most int) []int {
	rows := make([]int, min(n, most))
	for i := range rows {
		rows[i] = i * n / len(rows)
	}
	return rows
}

// each calls visit for every run of a model over the data, with the rows that it is of.
func (t *Ensemble) each(ctx context.Context, m *onnx.Model, d *dataset.Data,
	visit func(rows []int, answer *network.Tensor) error) error {
	w := kernel.NewWorkers(t.options.Threads)
	defer w.Close()
	e := &Evaluator{d, t.objective, t.options.BatchSize, w, t.options.Base, map[*onnx.Model]binding{}}
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return err
	}
	f.evenOut()
	for rows := range d.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		outs, err := f.run(rows, Coefficients{})
		if err != nil {
			return err
		}
		if err := visit(rows, t.objective.Only().Answer(outs[0])); err != nil {
			return err
		}
	}
	return nil
}

// Size is how many models are in.
func (t *Ensemble) Size() int { return countTrue(t.In) }

// Label returns the data with the ensemble's answers for labels: each model runs once over every sample. Errors are
// those of running the models, of kind network.ErrShape where their answers differ in shape, and of kind
// dataset.ErrData where there is no room for the answers.
func (t *Ensemble) Label(ctx context.Context, d *dataset.Data) (*dataset.Data, error) {
	var labelled *dataset.Data
	for j, m := range t.models {
		if !t.In[j] {
			continue
		}
		if labelled == nil {
			shapes, err := t.shapes(m, d)
			if err != nil {
				return nil, err
			}
			if labelled, err = d.Labelled(objective.EnsembleLabel, shapes); err != nil {
				return nil, err
			}
		}
		parts := labelled.Parts()
		err := t.each(ctx, m, d, func(rows []int, answer *network.Tensor) error {
			part, local := d.Locate(rows)
			return t.addTo(parts[part].Label, local, answer)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path(), err)
		}
	}
	if labelled == nil {
		return nil, dataErr("name models that belong to the data", "no model gives answers that are finite numbers")
	}
	return labelled, nil
}

// shapes are those of the answer for a sample of each part.
func (t *Ensemble) shapes(m *onnx.Model, d *dataset.Data) ([][]int, error) {
	w := kernel.NewWorkers(1)
	defer w.Close()
	e := &Evaluator{d, t.objective, 1, w, t.options.Base, map[*onnx.Model]binding{}}
	f, err := e.forward(m, nil, 1)
	if err != nil {
		return nil, err
	}
	var list [][]int
	for part := range d.Parts() {
		g, err := f.lower(run{part, f.sizes[part]})
		if err != nil {
			return nil, err
		}
		list = append(list, slices.Clone(g.Outputs()[0].Shape[1:]))
	}
	return list, nil
}

// addTo adds a model's share of answers to some rows of the labels.
func (t *Ensemble) addTo(label *dataset.Column, rows []int, answer *network.Tensor) error {
	size := label.Size()
	if len(answer.F) != len(rows)*size {
		return fmt.Errorf("it answers with the shape %v, others with %v: %w", answer.Shape[1:], label.Shape,
			network.ErrShape)
	}
	share := float32(t.Size())
	for i, row := range rows {
		sum, own := label.Floats[row*size:(row+1)*size], answer.F[i*size:(i+1)*size]
		for k, v := range own {
			sum[k] += v / share
		}
	}
	return nil
}
