package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
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

// eval prints every model's loss and metric; the first model decides what they are.
func eval(ctx context.Context, v *terminal.Voice, paths []string, f dataFlags) error {
	list, closeAll, err := source.Models(paths)
	if err != nil {
		return err
	}
	defer closeAll()
	var obj gating.Objective
	result := report.Evaluation{Models: []report.Evaluated{}}
	for i, m := range list {
		data, err := openData(m, f.data, f.label)
		if err != nil {
			return err
		}
		if err := warnOf(v, data); err != nil {
			return err
		}
		if i == 0 {
			if obj, err = gating.FitObjective(m, data, f.objective()); err != nil {
				return err
			}
			result.Objective, result.Data = search.DescribeObjective(obj, data), search.DescribeData(nil, data)
			report.Judging(v, result.Objective, result.Data)
		}
		row, err := f.evaluate(ctx, m, data, obj)
		if err != nil {
			return err
		}
		result.Models = append(result.Models, row)
	}
	result.Metric, result.LossName, result.Warnings = obj.Metric.Name, obj.Loss.Name(), v.Warned()
	result.Notes = v.Noted()
	return result.Print(v)
}

// evaluate scores one model.
func (f *dataFlags) evaluate(ctx context.Context, m *onnx.Model, data *dataset.Data,
	obj gating.Objective) (row report.Evaluated, err error) {
	e, err := gating.NewEvaluator(data, obj, gating.EvaluatorOptions{BatchSize: f.batch, Threads: f.threads})
	if err != nil {
		return row, err
	}
	defer e.Close()
	began := time.Now()
	s, err := e.Score(ctx, m)
	if err != nil {
		return row, fmt.Errorf("%s: %w", m.Path(), err)
	}
	return report.Evaluated{
		Path: m.Path(), Loss: search.Number(s.Loss), Metric: search.Number(s.Metric),
		Samples: s.Samples, Seconds: time.Since(began).Seconds(),
	}, nil
}
