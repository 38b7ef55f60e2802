package main

import (
	"context"
	"fmt"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/spf13/cobra"
)

func newEval(v *voice) *cobra.Command {
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
				return usagef("add --data FILE", "no data is given")
			}
			return eval(c.Context(), v, args, f)
		},
	}
	f.add(c)
	return c
}

// evalRow is one model's result.
type evalRow struct {
	Path    string   `json:"path"`
	Loss    *float64 `json:"loss"`
	Metric  *float64 `json:"metric"`
	Samples int      `json:"samples"`
	Seconds float64  `json:"seconds"`
}

// eval prints every model's loss and metric; the first model decides what they are.
func eval(ctx context.Context, v *voice, paths []string, f dataFlags) error {
	list, closeAll, err := models(paths)
	if err != nil {
		return err
	}
	defer closeAll()
	w := workers(f.threads)
	defer w.Close()
	var obj gating.Objective
	rows := []evalRow{}
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
		rows = append(rows, evalRow{m.Path(), gating.Number(s.Loss), gating.Number(s.Metric), s.Samples, time.Since(began).Seconds()})
	}
	return printEval(v, obj, rows)
}

// printEval prints the results, a row a model.
func printEval(v *voice, obj gating.Objective, rows []evalRow) error {
	if v.json {
		return v.object(struct {
			Models   []evalRow `json:"models"`
			Metric   string    `json:"metric"`
			LossName string    `json:"loss_name"`
		}{rows, obj.Metric.Name, obj.Loss.Name()})
	}
	out := [][]string{{"model", obj.Loss.Name(), obj.Metric.Name, "samples", "seconds"}}
	for _, r := range rows {
		out = append(out, []string{r.Path, figure(r.Loss), figure(r.Metric), fmt.Sprint(r.Samples), fmt.Sprintf("%.2f", r.Seconds)})
	}
	return v.table(out, obj.Loss.Name(), obj.Metric.Name, "samples", "seconds")
}
