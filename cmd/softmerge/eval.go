package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

func newEval(v *terminal.Voice) *cobra.Command {
	var f dataFlags
	c := &cobra.Command{
		Use:   "eval A.onnx ... --data FILE",
		Short: "Loss and metric of models on data, one row a model",
		Long: `eval runs every model over all samples of the data and prints its loss and metric. What they are
follows from the first model and the labels, or from --loss and --metric. Nothing is written.`,
		Example: "  softmerge eval merged.onnx m0.onnx m1.onnx --data test.npz",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if len(f.data) == 0 {
				return exit.Usagef("add --data FILE", "no data is given")
			}
			return eval(c.Context(), v, args, f)
		},
	}
	f.add(c)
	return c
}

// eval prints every model's loss and metric; the first model decides what they are, and how the data is read.
func eval(ctx context.Context, v *terminal.Voice, paths []string, f dataFlags) (err error) {
	defer dataset.Guard(&err)()
	list, closeAll, err := source.Models(paths)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := refuseLaidOut(list); err != nil {
		return err
	}
	noteTasks(v, list)
	if err := f.fit(ctx, v, list); err != nil {
		return err
	}
	e, err := f.evaluation(ctx, v, list)
	if err != nil {
		return err
	}
	defer e.first.Close()
	result := report.Evaluation{Models: []report.Evaluated{}}
	obj := e.first.Objective()
	result.Objective, result.Data = search.DescribeObjective(obj, e.data), search.DescribeData(nil, e.data)
	result.Objective.Ensemble = e.ensemble
	report.Judging(v, result.Objective, result.Data)
	var scored []search.Scored
	for _, m := range list {
		row, s, err := e.model(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path(), err)
		}
		result.Models, scored = append(result.Models, row), append(scored, search.Scored{Name: m.Path(), Score: s})
	}
	result.Groups = search.DescribeGroups(e.data, scored)
	result.Metric, result.LossName, result.Warnings = obj.Metric.Name, obj.LossName(), v.Warned()
	result.Notes, result.Preprocess = v.Noted(), f.images.how.Report()
	return result.Print(v)
}

// evaluation is the data as the first model takes it, and what it is scored by.
type evaluation struct {
	flags dataFlags
	voice *terminal.Voice
	data  *dataset.Data
	first *gating.Evaluator

	ensemble []string // paths of the models whose mean answers take the place of labels
}

// evaluation reads the data for the first model and fits the objective to it.
func (f *dataFlags) evaluation(ctx context.Context, v *terminal.Voice, list []*onnx.Model) (*evaluation, error) {
	e := &evaluation{flags: *f, voice: v}
	first := list[0]
	var err error
	if e.data, err = f.openData(first, f.data); err != nil {
		return nil, err
	}
	if err := warnOf(v, e.data); err != nil {
		return nil, err
	}
	obj, err := gating.FitObjective(first, e.data, f.objective())
	if err != nil {
		return nil, err
	}
	if err := v.Warn(obj.Warnings()); err != nil {
		return nil, err
	}
	o := gating.EvaluatorOptions{BatchSize: f.batch, Threads: f.threads, Base: first}
	if obj.Only().Taught() {
		if err := e.teach(ctx, list, obj, o); err != nil {
			return nil, err
		}
	}
	e.first, err = gating.NewEvaluator(e.data, obj, o)
	return e, err
}

// teach gives the data the models' mean answers for labels.
func (e *evaluation) teach(ctx context.Context, list []*onnx.Model, obj gating.Objective,
	o gating.EvaluatorOptions) error {
	if len(list) < 2 {
		return advice.Errorf(dataset.ErrData, "name the models that it was merged of too, or give labels",
			"loss %s compares models with the mean of what all of them answer, and one is named", obj.LossName())
	}
	l, err := search.Label(ctx, list, obj, o, true, e.data)
	if err != nil {
		return err
	}
	e.data, e.ensemble = l.Data[0], l.Models
	return e.voice.Warn(l.Warnings)
}

// labelled gives data that was read for another model the ensemble's answers.
func (e *evaluation) labelled(d *dataset.Data) *dataset.Data {
	from := e.data.Parts()
	if len(e.ensemble) == 0 || len(d.Parts()) != len(from) {
		return d
	}
	var labels []*dataset.Column
	for _, p := range from {
		labels = append(labels, p.Label)
	}
	return d.WithLabels(labels)
}

// model scores a model on the first one's data. One that does not take it gets the data read for itself.
func (e *evaluation) model(ctx context.Context, m *onnx.Model) (row report.Evaluated, s gating.Score, err error) {
	on := e.first
	names, misfit := on.Names(m)
	if misfit != nil {
		data, err := e.flags.openData(m, e.flags.data)
		if err != nil {
			return row, s, misfit
		}
		if on, err = on.On(e.labelled(data)); err != nil {
			return row, s, err
		}
		if names, err = on.Names(m); err != nil {
			return row, s, misfit
		}
	}
	for _, in := range gating.Fields(m) {
		if of := names[in.Name]; of != "" && of != in.Name {
			e.voice.Note(fmt.Sprintf("%s takes %q for its input %q", m.Path(), of, in.Name))
		}
	}
	began := time.Now()
	s, err = on.Score(ctx, m)
	if errors.Is(err, network.ErrShape) {
		return row, s, advice.Errorf(dataset.ErrData,
			"compare models of the same outputs; softmerge inspect shows them",
			"it does not fit the labels: %v", err)
	}
	if err != nil {
		return row, s, err
	}
	return report.NewEvaluated(m.Path(), s, time.Since(began)), s, nil
}
