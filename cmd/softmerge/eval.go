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
	w := workers(f.threads)
	defer w.Close()
	var obj gating.Objective
	result := report.Evaluation{Models: []report.Evaluated{}}
	for i, m := range list {
		data, err := openData(m, f.data, f.label)
		if err != nil {
			return err
		}
		if i == 0 {
			if obj, err = gating.FitObjective(m, data, f.loss, f.metric, f.output); err != nil {
				return err
			}
		}
		if data, err = obj.Prepare(data); err != nil {
			return err
		}
		began := time.Now()
		s, err := gating.Evaluate(ctx, m, data, obj, f.batch, w)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path(), err)
		}
		result.Models = append(result.Models, report.Evaluated{
			Path: m.Path(), Loss: gating.Number(s.Loss), Metric: gating.Number(s.Metric),
			Samples: s.Samples, Seconds: time.Since(began).Seconds(),
		})
	}
	result.Metric, result.LossName = obj.Metric.Name, obj.Loss.Name()
	return result.Print(v)
}
